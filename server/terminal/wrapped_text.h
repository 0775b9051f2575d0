#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgkeep::server {

/// Characters that a UTF-8 text takes on a terminal; close enough without a table of wide ones.
std::size_t width_of(std::string_view text);

/// The first characters of the text, and "…" where it has more than `width`.
std::string shortened(const std::string& text, std::size_t width);

/// The words of `text` in lines of at most `width` characters, each ended by a newline; a word that is longer
/// has a line that is, so that a path can be copied. `first` begins the first line, `indent` spaces the
/// others.
std::string wrapped(std::string first, std::size_t indent, std::string_view text, std::size_t width);

}  // namespace pgkeep::server
