#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::server {

/// What a piece of text means to its reader; where colors are wanted, its color.
enum class Tone {
  plain,
  good,     // green
  warning,  // yellow: worth a look
  bad,      // red: something is wrong
  faint,    // does not matter now
};

struct Toned {
  std::string text;
  Tone tone = Tone::plain;

  Toned(std::string said, Tone meaning = Tone::plain) : text(std::move(said)), tone(meaning) {}
  Toned(std::string_view said, Tone meaning = Tone::plain) : text(said), tone(meaning) {}
  Toned(const char* said, Tone meaning = Tone::plain) : text(said), tone(meaning) {}
};

/// A line of several pieces.
using TonedLine = std::vector<Toned>;

/// For a terminal, in ANSI's 16 colors, which the user's own scheme shows. What could command a terminal in
/// the text itself is taken out.
std::string in_colors(const TonedLine& line);
/// The text alone, as it is.
std::string plain_text(const TonedLine& line);

}  // namespace pgkeep::server
