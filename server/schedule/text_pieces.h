#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace pgkeep::server {

// What the texts of a schedule are made of. All of these borrow the text.

/// What stands between the separators; an empty text is one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);

/// What stands between blanks.
std::vector<std::string_view> words_of(std::string_view text);

/// What stands before and after the first `separator`; nothing when there is none.
std::optional<std::pair<std::string_view, std::string_view>> cut(std::string_view text,
                                                                 std::string_view separator);

/// One to four digits, and nothing else.
std::optional<int> parse_number(std::string_view text);

/// Whether they differ in nothing but upper and lower case.
bool same_word(std::string_view one, std::string_view other);

}  // namespace pgkeep::server
