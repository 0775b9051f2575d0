#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/records/run_journal.h"
#include "server/schedule/job_timing.h"
#include "server/schedule/time_window.h"

namespace pgkeep::server {

/// What a schedule can run; each is a command of the same name, and the journal of runs has it by that name.
enum class JobKind : std::uint8_t { backup, expire, verify };
std::string_view to_string(JobKind kind);
std::optional<JobKind> parse_job_kind(std::string_view text);
inline constexpr std::array kJobKinds{JobKind::backup, JobKind::expire, JobKind::verify};

/// When the jobs of a server run, as the configuration says.
struct JobSchedule {
  JobTiming backup;
  JobTiming expire;
  JobTiming verify;
  TimeZone zone = TimeZone::utc();     // of the times above and below
  std::chrono::milliseconds spread{};  // each server begins by a time of its own in it later
  std::vector<TimeWindow> never;       // when no job begins
  bool is_set() const { return backup.is_set() || expire.is_set() || verify.is_set(); }
  const JobTiming& timing(JobKind kind) const;
  bool operator==(const JobSchedule&) const = default;
};

/// How much later than its schedule says a server begins, so that a fleet does not begin at once: always the
/// same for one name, so that every night looks like the one before.
std::chrono::seconds spread_offset(std::string_view server, std::chrono::milliseconds spread);

/// The next run of a kind of job.
struct PlannedJob {
  JobKind kind = JobKind::backup;
  io::TimePoint due;      // in the past: it is late, or has been put off
  io::TimePoint begins;   // at the earliest: not before `due`, after a pause when it failed, and in no window
  unsigned failures = 0;  // runs that failed since the newest that succeeded
  std::string error;      // of the newest of these
  std::optional<io::TimePoint> running_since;  // one runs
  bool may_begin(io::TimePoint now) const { return !running_since && begins <= now; }
};

/// What is to run next of each kind that `schedule` has, decided by nothing but the journal: so a restart, or
/// another process, comes to the same. `runs` in any order.
///
/// A job that never succeeded is due at once, a backup without any other condition, another when there is a
/// backup. However many times were missed, it runs once. One that failed is tried again after a minute, and
/// after twice as long each further time, up to an hour; one that was interrupted at once. Runs that the
/// clock says are still to come, since it was set back, count for nothing.
///
/// `deletion`: from when a backup may be removed that an operator has deleted, where the times of the
/// schedule do not see to that. Then an expiry is due, and as long as that is so another an hour after the
/// last.
std::vector<PlannedJob> plan_jobs(std::string_view server, const JobSchedule& schedule,
                                  std::span<const catalog::RunRecord> runs, io::TimePoint now,
                                  std::optional<io::TimePoint> deletion = {});

/// The runs of a kind that failed since the newest that succeeded.
struct JobFailures {
  unsigned count = 0;
  io::TimePoint since;  // when the first of them began
  std::string error;    // of the newest
};
/// `runs` in any order.
JobFailures failures_of(JobKind kind, std::span<const catalog::RunRecord> runs, io::TimePoint now);

/// Whether the run has begun by now; one that has not was recorded by a clock that was ahead, and decides
/// nothing.
bool has_begun(const catalog::RunRecord& run, io::TimePoint now);

/// The window in which no job is to begin that `time` is in, or nothing.
const TimeWindow* window_at(const JobSchedule& schedule, io::TimePoint time);

}  // namespace pgkeep::server
