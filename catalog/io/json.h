#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace pgkeep::io {

/// Parses JSON that somebody may have damaged or made up. Its members are sorted: nlohmann::ordered_json, in
/// which we write what people read, compares each new member with all before it, so that an object of many
/// members never ends. Nothing is nested deeper than kDeepestJson, since dump() calls itself.
/// Throws nlohmann::json::exception; why_no_json() has its message.
nlohmann::json parse_json(std::string_view text);
inline constexpr int kDeepestJson = 64;

/// Throws the exception of a value that is no whole number, or not one that fits.
[[noreturn]] void refuse_number();

/// The library's own get() takes truth values and fractions for whole numbers, and cuts off what does not
/// fit: timeline 4294967298 became 2. Throws nlohmann::json::exception for anything but a whole number of
/// that type.
template <std::integral T>
T whole_number(const nlohmann::json& json) {
  const bool fits = json.is_number_unsigned()  ? std::in_range<T>(json.get<std::uint64_t>())
                    : json.is_number_integer() ? std::in_range<T>(json.get<std::int64_t>())
                                               : false;
  if (!fits) refuse_number();
  return json.get<T>();
}
/// What is wrong, for a message of ours. The library's own quotes what it read last, which may be the whole
/// of it, in whatever bytes.
std::string why_no_json(const nlohmann::json::exception& error);

}  // namespace pgkeep::io
