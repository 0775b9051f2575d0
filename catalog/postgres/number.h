#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>

namespace pgkeep::postgres {

/// The whole text as an unsigned number: no sign, no blanks, nothing left over; nothing when it is not one or
/// too large. For the files of this folder.
template <std::unsigned_integral T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

}  // namespace pgkeep::postgres
