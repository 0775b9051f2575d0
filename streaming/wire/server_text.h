#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pgkeep::streaming {

/// The most that is kept of a message of a server: PostgreSQL's own are shorter.
inline constexpr std::size_t kMostTextBytes = 2048;

/// What a server says, as it may go to logs, events and terminals: one line, with the lines of libpq's
/// messages separated by "; ", without control characters (an ESC would command the terminal of the reader),
/// and cut where it is longer than kMostTextBytes.
std::string in_one_line(std::string_view message);

}  // namespace pgkeep::streaming
