#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgkeep::io {

/// `text` for terminals and logs: every control character except line break and tab becomes "?", those that
/// UTF-8 writes in two bytes (U+0080 to U+009F) too. Other bytes stay, also those that are no UTF-8.
std::string without_controls(std::string_view text);

/// The beginning of `text`, of at most that many bytes; no character of UTF-8 is cut in two.
std::string_view cut_text(std::string_view text, std::size_t at_most);

}  // namespace pgkeep::io
