#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "catalog/io/units.h"

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
/// Throws the exception of a text that is no value of its kind.
[[noreturn]] void refuse_text(std::string_view text);

/// get(), and for a whole number whole_number().
template <typename T>
T value_of(const nlohmann::json& json) {
  if constexpr (std::integral<T> && !std::same_as<T, bool>) {
    return whole_number<T>(json);
  } else {
    return json.get<T>();
  }
}
template <typename T>
void read_item(const nlohmann::json& json, const char* key, T& into) {
  into = value_of<T>(json.at(key));
}

// A struct's object, from one table of its items: pairs of a key and a member, in the order in which they are
// written.

template <typename T, typename... Items>
void write_items(nlohmann::ordered_json& json, const T& from, const std::tuple<Items...>& items) {
  std::apply([&](const auto&... item) { ((json[item.first] = from.*item.second), ...); }, items);
}
template <typename T, typename... Items>
void read_items(const nlohmann::json& json, T& into, const std::tuple<Items...>& items) {
  std::apply([&](const auto&... item) { (read_item(json, item.first, into.*item.second), ...); }, items);
}

// Bases for nlohmann's serialisers of types that are one text in JSON. The serialiser of a type lies in
// json.h of its room. Reading throws nlohmann::json::exception for a text that is none of the type's.

/// As to_string() and parse() of the type have it.
template <typename T>
struct TextInJson {
  template <typename Json>
  static void to_json(Json& json, const T& value) {
    json = value.to_string();
  }
  static T from_json(const nlohmann::json& json) {
    const auto& text = json.get_ref<const std::string&>();
    auto value = T::parse(text);
    if (!value) refuse_text(text);
    return *std::move(value);
  }
};

/// Of an enumeration, with to_string() beside it.
template <typename T, std::optional<T> (*parse)(std::string_view)>
struct WordInJson {
  template <typename Json>
  static void to_json(Json& json, T value) {
    json = to_string(value);
  }
  static T from_json(const nlohmann::json& json) {
    const auto& text = json.get_ref<const std::string&>();
    const auto value = parse(text);
    if (!value) refuse_text(text);
    return *value;
  }
};

/// What is wrong, for a message of ours. The library's own quotes what it read last, which may be the whole
/// of it, in whatever bytes.
std::string why_no_json(const nlohmann::json::exception& error);

}  // namespace pgkeep::io

/// In RFC 3339, UTC.
template <>
struct nlohmann::adl_serializer<pgkeep::io::TimePoint> {
  template <typename Json>
  static void to_json(Json& json, pgkeep::io::TimePoint time) {
    json = pgkeep::io::format_rfc3339(time);
  }
  static pgkeep::io::TimePoint from_json(const nlohmann::json& json) {
    const auto& text = json.get_ref<const std::string&>();
    const auto time = pgkeep::io::parse_rfc3339(text);
    if (!time) pgkeep::io::refuse_text(text);
    return *time;
  }
};

/// null when there is none.
template <typename T>
struct nlohmann::adl_serializer<std::optional<T>> {
  template <typename Json>
  static void to_json(Json& json, const std::optional<T>& value) {
    json = value ? Json(*value) : Json();
  }
  static std::optional<T> from_json(const nlohmann::json& json) {
    if (json.is_null()) return std::nullopt;
    return pgkeep::io::value_of<T>(json);
  }
};
