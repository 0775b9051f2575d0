#include "server/terminal/tone.h"

#include <fmt/format.h>

#include "catalog/io/shown_text.h"

namespace pgkeep::server {
namespace {

/// Of "Select Graphic Rendition", ECMA-48.
std::string_view code_of(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::good:
      return "32";
    case Tone::warning:
      return "33";
    case Tone::bad:
      return "1;31";
    case Tone::faint:
      return "2";
  }
  return "";
}

}  // namespace

std::string in_colors(const TonedLine& line) {
  std::string text;
  for (const auto& piece : line) {
    const auto shown = io::without_controls(piece.text);
    const auto code = code_of(piece.tone);
    text += code.empty() || shown.empty() ? shown : fmt::format("\033[{}m{}\033[0m", code, shown);
  }
  return text;
}

std::string plain_text(const TonedLine& line) {
  std::string text;
  for (const auto& piece : line) text += piece.text;
  return text;
}

}  // namespace pgkeep::server
