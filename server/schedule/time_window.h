#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "server/schedule/weekdays.h"

namespace pgkeep::server {

/// A part of the day, on all days or some weekdays, as a clock on the wall shows it: "08:00-18:00",
/// "08:00-18:00 Mon-Fri". One that ends before it begins goes over midnight and belongs to the day on which
/// it begins: "22:00-06:00 Sat" is over on Sunday at 06:00. The begin is in it, the end is not.
class TimeWindow {
 public:
  /// On nothing, `problem` says what is wrong and what would be right.
  static std::optional<TimeWindow> parse(std::string_view text, std::string& problem);

  bool covers(std::chrono::local_seconds time) const;
  /// The end of the window that covers this time. The next may begin then: of "00:00-24:00 Sat,Sun" the first
  /// ends on Sunday at 00:00. A time that is not covered is returned as it is.
  std::chrono::local_seconds end_after(std::chrono::local_seconds covered) const;

  /// As it was written.
  const std::string& text() const { return text_; }

  bool operator==(const TimeWindow&) const = default;

 private:
  TimeWindow(std::string_view text, std::chrono::minutes from, std::chrono::minutes length, Weekdays days)
      : text_(text), from_(from), length_(length), days_(days) {}

  /// When the window began that covers this time; nothing when none does.
  std::optional<std::chrono::local_seconds> begin_of(std::chrono::local_seconds time) const;

  std::string text_;
  std::chrono::minutes from_;    // after midnight
  std::chrono::minutes length_;  // a day at most, so that no two windows overlap
  Weekdays days_;                // on which it begins
};

}  // namespace pgkeep::server
