#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/schedule/weekdays.h"

namespace pgkeep::server {

/// What a calendar expression allows. Bit N stands for the number N, in `years` for kFirstYear + N. What an
/// expression leaves out is as it is here: every day at midnight.
struct CalendarFields {
  static constexpr int kFirstYear = 1970;
  static constexpr int kLastYear = 2199;

  std::bitset<kLastYear - kFirstYear + 1> years = std::bitset<kLastYear - kFirstYear + 1>().set();
  std::uint64_t months = ~0ULL;
  std::uint64_t days = ~0ULL;       // of the month
  std::uint64_t days_from_end = 0;  // of the month, 1 being its last; in place of `days`
  Weekdays weekdays = Weekdays::all();
  bool either_day = false;  // the day of the month or the weekday is enough, else it needs both
  std::uint64_t hours = 1;
  std::uint64_t minutes = 1;
  std::uint64_t seconds = 1;

  bool operator==(const CalendarFields&) const = default;
};

/// When something is to happen again and again, as a clock on the wall shows it. Knows no time zones. Two are
/// equal when they are written the same.
class CalendarExpression {
 public:
  /// As systemd's OnCalendar has it: [weekdays] [date] [time], or a word as "daily".
  ///
  ///     Mon..Fri 02:30   weekdays as Weekdays reads them
  ///     *-*-01 03:00     [year-]month-day
  ///     *-*~01 03:00     a ~ counts the day from the end of the month: on its last day
  ///     *:0/15           hour:minute[:second]
  ///
  /// Each number may be a list (1,15), a range (1..7), a step (1/3: 1, 4, 7 and so on; 0..30/10; */2) or *
  /// for all. The words are minutely, hourly, daily, weekly (on Monday), monthly, quarterly, semiannually,
  /// yearly and annually.
  ///
  /// A step from * begins at the lowest number; systemd does not read it. Left out of systemd's are time
  /// zones, years of two digits and fractions of a second.
  ///
  /// On nothing, `problem` says what is wrong and what would be right. What is read may still never come, as
  /// 30 February.
  static std::optional<CalendarExpression> parse(std::string_view text, std::string& problem);

  /// As cron has it: minute, hour, day of the month, month and weekday (0 and 7 are Sunday), or @hourly,
  /// @daily, @midnight, @weekly (on Sunday), @monthly, @yearly, @annually. When neither day field begins with
  /// a *, either of them is enough.
  static std::optional<CalendarExpression> parse_cron(std::string_view text, std::string& problem);

  /// The first time after this one; nothing when there is none before the year 2200.
  std::optional<std::chrono::local_seconds> next_after(std::chrono::local_seconds time) const;

  /// As it was written.
  const std::string& text() const { return text_; }

  bool operator==(const CalendarExpression&) const = default;

 private:
  CalendarExpression(std::string_view text, const CalendarFields& fields) : text_(text), fields_(fields) {}

  std::string text_;
  CalendarFields fields_;
};

}  // namespace pgkeep::server
