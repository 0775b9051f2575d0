#pragma once

#include <chrono>
#include <functional>
#include <string_view>

namespace pgkeep::test {

/// Far above what anything takes on a loaded machine: reaching it is a failure, not slowness.
inline constexpr std::chrono::seconds kPatience{120};

/// Returns as soon as `condition` holds, which is asked every 20 ms, and less often when it takes long to
/// ask. Throws std::runtime_error with `what` when it still does not after kPatience. An exception of the
/// condition passes through.
void wait_until(const std::function<bool()>& condition, std::string_view what);

}  // namespace pgkeep::test
