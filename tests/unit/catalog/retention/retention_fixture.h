#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "catalog/retention/expiry_plan.h"
#include "tests/support/held_builder.h"

namespace pgkeep::test {

using namespace std::chrono_literals;
using catalog::ExpiryCandidate;
using catalog::LineOfWal;

/// 2026-01-01 is a Thursday.
inline io::TimePoint on(int month, int day, int hour = 2, int year = 2026) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  return std::chrono::sys_days(date) + std::chrono::hours(hour);
}

/// A server that writes one segment an hour: segment n in the hour n from `kBegin` on, on timeline 1 until it
/// is promoted.
inline io::TimePoint hour(double n) {
  return on(1, 1, 0) + std::chrono::duration_cast<io::TimePoint::duration>(
                           std::chrono::duration<double, std::ratio<3600>>(n));
}

inline catalog::CommitTimes commits_of(std::uint64_t number) {
  return {.known = true,
          .earliest = hour(static_cast<double>(number) + 0.1),
          .latest = hour(static_cast<double>(number) + 0.9)};
}

/// A line with those files, in each of which something was committed in its hour.
inline LineOfWal line_of(const Held& held) {
  LineOfWal line{.held = held.wal(), .events = held.events, .commits = {}};
  for (const auto& run : held.names.segments.runs())
    line.commits[run.timeline] = {.known = true, .latest = commits_of(run.last).latest};
  return line;
}

/// A backup that begins and ends in the hour `n` of a timeline.
inline ExpiryCandidate backup_at(double n, postgres::TimelineId timeline = postgres::TimelineId(1),
                                 std::size_t line = 0) {
  ExpiryCandidate candidate{{.id = store::BackupId(hour(n)),
                             .line = line,
                             .start = {timeline, at(n)},
                             .end = {timeline, at(n + 0.25)},
                             .ended = hour(n + 0.25)},
                            {},
                            {},
                            {},
                            {}};
  return candidate;
}

}  // namespace pgkeep::test
