#include "catalog/io/shown_text.h"

#include <cstdint>

#include <fmt/format.h>

namespace pgkeep::io {
namespace {

constexpr std::size_t kMostQuoted = 200;

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t') || c == '\x7f';
}

/// The second byte of U+0080 to U+009F, after 0xC2: terminals obey them as they do ESC.
bool ends_late_control(unsigned char c) {
  return c >= 0x80 && c <= 0x9f;
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u;
}

/// One byte of ASCII, or one that is no UTF-8, as in a C string.
std::string escaped(char c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '"':
    case '\\':
      return {'\\', c};
    default:
      if (c >= ' ' && c != '\x7f' && static_cast<unsigned char>(c) < 0x80) return {c};
      return fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

std::string without_controls(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  for (const char c : text) {
    if (!shown.empty() && shown.back() == '\xc2' && ends_late_control(static_cast<unsigned char>(c))) {
      shown.back() = '?';
    } else {
      shown += is_control(c) ? '?' : c;
    }
  }
  return shown;
}

std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const auto first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0u) != 0x80u) return 0;
  }
  const auto second = at(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool too_large = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

std::string in_quotes(std::string_view text) {
  const auto shown = cut_text(text, kMostQuoted);
  std::string quote = "\"";
  for (auto left = shown; !left.empty();) {
    const auto length = utf8_length(left);
    const bool late_control =
        length == 2 && left[0] == '\xc2' && ends_late_control(static_cast<unsigned char>(left[1]));
    if (length > 1 && !late_control) {
      quote += left.substr(0, length);
      left.remove_prefix(length);
    } else {
      quote += escaped(left[0]);
      left.remove_prefix(1);
    }
  }
  return quote + (shown.size() < text.size() ? "...\"" : "\"");
}

std::string_view cut_text(std::string_view text, std::size_t at_most) {
  if (text.size() <= at_most) return text;
  while (at_most > 0 && continues_character(text[at_most])) --at_most;
  return text.substr(0, at_most);
}

}  // namespace pgkeep::io
