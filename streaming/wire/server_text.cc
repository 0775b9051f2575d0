#include "streaming/wire/server_text.h"

#include <fmt/format.h>

#include "catalog/io/shown_text.h"

namespace pgkeep::streaming {
namespace {

constexpr std::string_view kEndsByItself = ".:;,?!";
constexpr auto kLookedAt = 2 * kMostTextBytes;  // spaces may shrink

}  // namespace

std::string in_one_line(std::string_view message) {
  std::string line;
  bool gap = false;
  bool new_line = false;
  for (const char c : message.substr(0, kLookedAt)) {
    if (c == '\n' || c == '\r' || c == '\t' || c == ' ') {
      gap = true;
      new_line = new_line || c == '\n';
      continue;
    }
    if (gap && !line.empty())
      line += new_line && kEndsByItself.find(line.back()) == kEndsByItself.npos ? "; " : " ";
    line += c;
    gap = new_line = false;
  }
  line = io::without_controls(line);
  if (line.size() <= kMostTextBytes && message.size() <= kLookedAt) return line;
  return fmt::format("{} … ({} bytes in all)", io::cut_text(line, kMostTextBytes), message.size());
}

}  // namespace pgkeep::streaming
