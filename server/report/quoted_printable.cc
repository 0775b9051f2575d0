#include "server/report/quoted_printable.h"

#include <fmt/format.h>

namespace pgkeep::server {
namespace {

constexpr std::size_t kWidth = 76;

/// A blank at the end of a line would be lost on the way, a dot at its beginning could end the message, and
/// "From " there is changed by some: so is no F, nor a dot, written there.
bool stands_for_itself(char c, bool first, bool last) {
  if (c == ' ' || c == '\t') return !last;
  if (first && (c == '.' || c == 'F')) return false;
  return c > ' ' && c <= '~' && c != '=';
}

void append_line(std::string_view line, std::string& into) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool last = i + 1 == line.size();
    const auto shown = stands_for_itself(line[i], width == 0, last)
                           ? std::string(1, line[i])
                           : fmt::format("={:02X}", static_cast<unsigned char>(line[i]));
    if (width + shown.size() > kWidth - (last ? 0 : 1)) {
      into += "=\n";
      width = 0;
    }
    into += shown;
    width += shown.size();
  }
}

}  // namespace

std::string quoted_printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto end = text.find('\n');
    append_line(text.substr(0, end), result);
    if (end == text.npos) break;
    result += '\n';
    text.remove_prefix(end + 1);
  }
  return result;
}

}  // namespace pgkeep::server
