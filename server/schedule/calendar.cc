#include "server/schedule/calendar.h"

#include <algorithm>
#include <bit>

namespace pgkeep::server {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::year;
using std::chrono::year_month;
using std::chrono::year_month_day;

constexpr local_days kBegin{year{CalendarFields::kFirstYear} / 1 / 1};
constexpr local_days kEnd{year{CalendarFields::kLastYear + 1} / 1 / 1};

bool has(std::uint64_t bits, unsigned number) {
  return (bits >> number & 1) != 0;
}

/// The lowest number of the set that is not below `least`.
std::optional<int> lowest_from(std::uint64_t bits, std::int64_t least) {
  const auto rest = bits & ~0ULL << least;
  if (rest == 0) return std::nullopt;
  return std::countr_zero(rest);
}

/// The first time of day at which something happens that is not before `least`.
std::optional<seconds> first_clock(const CalendarFields& fields, seconds least) {
  const std::chrono::hh_mm_ss clock(least);
  const auto first_minute = minutes{std::countr_zero(fields.minutes)};
  const auto first_second = seconds{std::countr_zero(fields.seconds)};
  if (const auto hour = clock.hours(); has(fields.hours, static_cast<unsigned>(hour.count()))) {
    const auto minute = clock.minutes();
    if (has(fields.minutes, static_cast<unsigned>(minute.count())))
      if (const auto second = lowest_from(fields.seconds, clock.seconds().count()))
        return hour + minute + seconds{*second};
    if (const auto later = lowest_from(fields.minutes, minute.count() + 1))
      return hour + minutes{*later} + first_second;
  }
  const auto later = lowest_from(fields.hours, clock.hours().count() + 1);
  if (!later) return std::nullopt;
  return hours{*later} + first_minute + first_second;
}

bool allows_month(const CalendarFields& fields, year_month month) {
  const auto years = static_cast<int>(month.year()) - CalendarFields::kFirstYear;
  return fields.years[static_cast<std::size_t>(years)] &&
         has(fields.months, static_cast<unsigned>(month.month()));
}

/// Of a month that is allowed.
bool allows_day(const CalendarFields& fields, year_month_day date) {
  const auto number = static_cast<unsigned>(date.day());
  const auto length = static_cast<unsigned>((date.year() / date.month() / std::chrono::last).day());
  const bool by_date = has(fields.days, number) || has(fields.days_from_end, length + 1 - number);
  if (!by_date && !fields.either_day) return false;
  const bool by_weekday = fields.weekdays.contains(std::chrono::weekday(local_days{date}));
  return fields.either_day ? by_date || by_weekday : by_weekday;
}

/// The first day on which something happens, from `least` on.
std::optional<local_days> first_day(const CalendarFields& fields, local_days least) {
  year_month_day date(least);
  while (date.year() <= year{CalendarFields::kLastYear}) {
    const auto month = date.year() / date.month();
    if (allows_month(fields, month))
      for (; date.ok(); date = month / ++date.day())
        if (allows_day(fields, date)) return local_days{date};
    date = (month + std::chrono::months{1}) / 1;
  }
  return std::nullopt;
}

}  // namespace

std::optional<local_seconds> CalendarExpression::next_after(local_seconds time) const {
  if (time >= kEnd) return std::nullopt;
  const auto least = std::max<local_seconds>(time + seconds{1}, kBegin);
  const auto today = std::chrono::floor<days>(least);
  const auto clock = first_clock(fields_, least - today);
  const auto day = first_day(fields_, clock ? today : today + days{1});
  if (!day) return std::nullopt;
  return *day + (clock && *day == today ? *clock : *first_clock(fields_, seconds{0}));
}

}  // namespace pgkeep::server
