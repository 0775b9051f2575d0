#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace pgkeep::io {

/// Parses JSON that somebody may have damaged or made up. Its members are sorted: nlohmann::ordered_json, in
/// which we write what people read, compares each new member with all before it, so that an object of many
/// members never ends. Nothing is nested deeper than kDeepestJson, since dump() calls itself.
/// Throws nlohmann::json::exception; why_no_json() has its message.
nlohmann::json parse_json(std::string_view text);
inline constexpr int kDeepestJson = 64;

/// What is wrong, for a message of ours. The library's own quotes what it read last, which may be the whole
/// of it, in whatever bytes.
std::string why_no_json(const nlohmann::json::exception& error);

}  // namespace pgkeep::io
