#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pgkeep::server {

/// The known name that `typed` was most likely meant to be; nothing when none is near.
std::optional<std::string_view> nearest_name(std::string_view typed, std::span<const std::string_view> known);

/// "; did you mean NAME?", or an empty text when nothing is near: the end of an error message.
std::string did_you_mean(std::string_view typed, std::span<const std::string_view> known);
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& known);

}  // namespace pgkeep::server
