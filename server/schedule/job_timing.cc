#include "server/schedule/job_timing.h"

#include <fmt/format.h>

#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kShortest = 1s;
constexpr std::chrono::milliseconds kLongest = std::chrono::days(366);

/// What follows the word in `text`; nothing when it begins with another.
std::optional<std::string_view> after_word(std::string_view text, std::string_view word) {
  if (!text.starts_with(word) || text.size() <= word.size() || text[word.size()] != ' ') return std::nullopt;
  return text.substr(word.size() + 1);
}

}  // namespace

JobTiming::When JobTiming::parse_when(std::string_view text, std::string& problem) {
  if (text == "after backup") return AfterBackup{};
  if (const auto interval = after_word(text, "every")) {
    const auto duration = io::parse_duration(*interval);
    if (duration && *duration >= kShortest && *duration <= kLongest) return *duration;
    problem =
        fmt::format("after `every`, a duration from 1s to 366d is expected, as 6h, not '{}'", *interval);
    return {};
  }
  const auto cron = after_word(text, "cron");
  const auto expression =
      cron ? CalendarExpression::parse_cron(*cron, problem)
           : CalendarExpression::parse(after_word(text, "calendar").value_or(text), problem);
  if (!expression) return {};
  if (!expression->next_after({})) {
    problem = "that never comes: no year has such a day";
    return {};
  }
  return *expression;
}

std::optional<JobTiming> JobTiming::parse(std::string_view text, std::string& problem) {
  JobTiming timing;
  if (text == "never") return timing;
  timing.when_ = parse_when(text, problem);
  if (!timing.is_set()) return std::nullopt;
  timing.text_ = text;
  return timing;
}

std::optional<io::TimePoint> JobTiming::next_after(io::TimePoint last, const TimeZone& zone,
                                                   std::chrono::seconds offset) const {
  if (const auto* interval = std::get_if<std::chrono::milliseconds>(&when_)) return last + *interval;
  const auto* calendar = std::get_if<CalendarExpression>(&when_);
  if (!calendar) return std::nullopt;
  // When a clock is set back, a time that comes twice is the first of the two, which may be before `last`
  // though the clock on the wall shows it after: then it has been.
  for (auto local = calendar->next_after(zone.to_local(last - offset)); local;
       local = calendar->next_after(*local)) {
    const auto time = zone.to_time(*local) + offset;
    if (time > last) return time;
  }
  return std::nullopt;
}

}  // namespace pgkeep::server
