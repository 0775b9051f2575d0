#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/schedule/time_window.h"
#include "server/schedule/time_zone.h"

namespace pgkeep::server {

/// How fast a backup may be in a part of the day: "08:00-20:00 20MiB/s", "08:00-18:00 Mon-Fri 5MiB".
class BandwidthWindow {
 public:
  static constexpr std::uint64_t kLeast = 32u << 10;  // bytes a second, as PostgreSQL's MAX_RATE has it
  static constexpr std::uint64_t kMost = 1u << 30;
  static constexpr std::string_view kBeforeRate = " ";

  /// The rate is in bytes, from kLeast to kMost, or 0: no limit by this window. On nothing, `problem` says
  /// what is wrong and what would be right.
  static std::optional<BandwidthWindow> parse(std::string_view text, std::string& problem);

  const TimeWindow& window() const noexcept { return window_; }
  std::uint64_t bytes_a_second() const noexcept { return bytes_a_second_; }  // 0: no limit
  /// As it was written.
  const std::string& text() const noexcept { return text_; }

  bool operator==(const BandwidthWindow&) const = default;

 private:
  BandwidthWindow(std::string_view text, TimeWindow window, std::uint64_t bytes_a_second)
      : text_(text), window_(std::move(window)), bytes_a_second_(bytes_a_second) {}

  std::string text_;
  TimeWindow window_;
  std::uint64_t bytes_a_second_;
};

/// The lowest rate of the windows that cover this time on the clocks of `zone`, in bytes a second; 0: no
/// limit.
std::uint64_t bandwidth_at(std::span<const BandwidthWindow> windows, const TimeZone& zone,
                           io::TimePoint time);

}  // namespace pgkeep::server
