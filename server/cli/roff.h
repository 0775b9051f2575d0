#pragma once

#include <string>
#include <string_view>

namespace pgkeep::server {

// The texts of commands and settings are Markdown; man pages are made of them here, in the macros of man(7).
// Known is what those texts have: headings, paragraphs, lists of bullets, tables, code, and in a line `code`,
// **bold**, *italic* and links, of which the address is left out.

/// Sections, paragraphs, lists and tables. Of a table each row is a term, its last column the meaning, and
/// those between are told with their titles. The heading of the first rank is left out, since a man page has
/// a title.
std::string roff_of(std::string_view markdown);

/// One paragraph, or what stands in one, without the macro that begins it.
std::string roff_line(std::string_view markdown);

/// A name in bold, as it is to be typed, and its meaning.
std::string roff_term(std::string_view name, std::string_view meaning);

/// Lines that stay as they are, to be copied.
std::string roff_code(std::string_view lines);

/// One to be typed, in bold: no dash in it becomes a hyphen.
std::string roff_typed(std::string_view text);

}  // namespace pgkeep::server
