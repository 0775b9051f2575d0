#pragma once

#include <chrono>
#include <stop_token>

namespace pgkeep::io {

/// Waits for that long, or until a stop is asked for; false then. Any thread.
bool pause(std::chrono::milliseconds time, const std::stop_token& stop);

}  // namespace pgkeep::io
