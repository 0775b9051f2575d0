#include "catalog/io/shown_text.h"

namespace pgkeep::io {
namespace {

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

std::string_view cut_text(std::string_view text, std::size_t at_most) {
  if (text.size() <= at_most) return text;
  while (at_most > 0 && continues_character(text[at_most])) --at_most;
  return text.substr(0, at_most);
}

}  // namespace pgkeep::io
