#include "server/schedule/time_window.h"

#include <fmt/format.h>

#include "server/schedule/text_pieces.h"

namespace pgkeep::server {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

/// "08:00" or "8:00", up to 24:00.
std::optional<minutes> parse_clock(std::string_view text, std::string& problem) {
  if (const auto parts = cut(text, ":"); parts && parts->first.size() <= 2 && parts->second.size() == 2) {
    const auto hour = parse_number(parts->first);
    const auto minute = parse_number(parts->second);
    if (hour && minute && *minute < 60 && hours{*hour} + minutes{*minute} <= days{1})
      return hours{*hour} + minutes{*minute};
  }
  problem = fmt::format("'{}' is no time of day; write hours and minutes, from 00:00 to 24:00", text);
  return std::nullopt;
}

}  // namespace

std::optional<TimeWindow> TimeWindow::parse(std::string_view text, std::string& problem) {
  const auto words = words_of(text);
  const auto times = words.empty() ? std::nullopt : cut(words[0], "-");
  if (!times || words.size() > 2) {
    problem = fmt::format("'{}' is no time window; write one as 08:00-18:00 or 08:00-18:00 Mon-Fri", text);
    return std::nullopt;
  }
  const auto from = parse_clock(times->first, problem);
  if (!from) return std::nullopt;
  const auto to = parse_clock(times->second, problem);
  if (!to) return std::nullopt;
  if (*from == *to) {
    problem = fmt::format("'{}' ends when it begins; write 00:00-24:00 for the whole day", words[0]);
    return std::nullopt;
  }
  if (*from == days{1}) {
    problem = fmt::format("'{}' begins at the end of the day; write 00:00-{}, of the next day", words[0],
                          times->second);
    return std::nullopt;
  }
  const auto on = words.size() == 2 ? Weekdays::parse(words[1], problem) : Weekdays::all();
  if (!on) return std::nullopt;
  return TimeWindow(text, *from, *to > *from ? *to - *from : *to + days{1} - *from, *on);
}

bool TimeWindow::covers(std::chrono::local_seconds time) const {
  return begin_of(time).has_value();
}

std::chrono::local_seconds TimeWindow::end_after(std::chrono::local_seconds covered) const {
  const auto begin = begin_of(covered);
  return begin ? *begin + length_ : covered;
}

std::optional<std::chrono::local_seconds> TimeWindow::begin_of(std::chrono::local_seconds time) const {
  const auto today = std::chrono::floor<days>(time);
  for (const auto day : {today, today - days{1}}) {
    const auto begin = day + from_;
    if (days_.contains(std::chrono::weekday(day)) && time >= begin && time < begin + length_) return begin;
  }
  return std::nullopt;
}

}  // namespace pgkeep::server
