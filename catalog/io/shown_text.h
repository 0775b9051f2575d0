#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgkeep::io {

/// `text` for terminals and logs: every control character except line break and tab becomes "?", those that
/// UTF-8 writes in two bytes (U+0080 to U+009F) too. Other bytes stay, also those that are no UTF-8.
std::string without_controls(std::string_view text);

/// Bytes from elsewhere within a message, in quotation marks: quotation marks, backslashes, control
/// characters and what is no UTF-8 are written as in a C string, and at most 200 bytes are shown. Never
/// format such bytes with "{:?}": Debian 12 has that twice, in libfmt and in libspdlog, and the second ends
/// the process when they are no UTF-8. Which of them a program calls is a matter of chance.
std::string in_quotes(std::string_view text);

/// Bytes of the UTF-8 character that `text`, which is not empty, begins with; 0 when it begins with none. As
/// strict as PostgreSQL's pg_utf8_islegal: no overlong forms, no surrogates, nothing past U+10FFFF.
std::size_t utf8_length(std::string_view text);

/// The beginning of `text`, of at most that many bytes; no character of UTF-8 is cut in two.
std::string_view cut_text(std::string_view text, std::size_t at_most);

}  // namespace pgkeep::io
