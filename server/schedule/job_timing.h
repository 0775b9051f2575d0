#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "server/schedule/calendar.h"
#include "server/schedule/time_zone.h"

namespace pgkeep::server {

/// When one kind of job of a server is to run: never, at the times of a calendar, at intervals, or after each
/// backup.
class JobTiming {
 public:
  /// Never.
  JobTiming() = default;
  /// "02:00" or "calendar Mon..Fri 02:30" (see CalendarExpression), "cron 0 2 * * *", "every 6h",
  /// "after backup", "never". `problem` says what is wrong otherwise, and what would be right.
  static std::optional<JobTiming> parse(std::string_view text, std::string& problem);

  bool is_set() const noexcept { return !std::holds_alternative<std::monostate>(when_); }
  bool is_after_backup() const noexcept { return std::holds_alternative<AfterBackup>(when_); }
  /// As the configuration has it.
  const std::string& text() const noexcept { return text_; }

  /// The first time after a run that began at `last`, the times of a calendar read in `zone` and each put off
  /// by `offset`. Nothing when there is none any more, and of one that is not told by the clock.
  std::optional<io::TimePoint> next_after(io::TimePoint last, const TimeZone& zone,
                                          std::chrono::seconds offset) const;
  bool operator==(const JobTiming&) const = default;

 private:
  struct AfterBackup {
    bool operator==(const AfterBackup&) const = default;
  };
  using When = std::variant<std::monostate, CalendarExpression, std::chrono::milliseconds, AfterBackup>;
  static When parse_when(std::string_view text, std::string& problem);

  When when_;
  std::string text_ = "never";
};

}  // namespace pgkeep::server
