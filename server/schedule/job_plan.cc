#include "server/schedule/job_plan.h"

#include <algorithm>
#include <array>

#include "catalog/io/hashing.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using catalog::RunOutcome;
using catalog::RunRecord;

constexpr std::array<std::string_view, 3> kWords{"backup", "expire", "verify"};
constexpr std::chrono::minutes kFirstPause{1};
constexpr std::chrono::minutes kLongestPause{60};
constexpr unsigned kMostDoublings = 6;
constexpr std::chrono::minutes kClocksDiffer{1};
// After an expiry that could not remove what was deleted, since it is being read.
constexpr std::chrono::hours kDeletionAgainIn{1};

/// What the journal tells of one kind.
struct History {
  const RunRecord* succeeded = nullptr;  // the newest
  const RunRecord* failed = nullptr;     // the newest after that
  io::TimePoint failing_since;           // when the first after that began
  const RunRecord* running = nullptr;
  unsigned failures = 0;
};

bool is_newer(const RunRecord& run, const RunRecord* than) {
  return !than || run.started > than->started;
}

History history_of(JobKind kind, std::span<const RunRecord> runs, io::TimePoint now) {
  const auto counts = [&](const RunRecord& run) {
    return run.kind == to_string(kind) && has_begun(run, now);
  };
  History history;
  for (const auto& run : runs) {
    if (!counts(run)) continue;
    if (run.outcome == RunOutcome::succeeded && is_newer(run, history.succeeded)) history.succeeded = &run;
    if (run.outcome == RunOutcome::running && is_newer(run, history.running)) history.running = &run;
  }
  if (history.running && !is_newer(*history.running, history.succeeded)) history.running = nullptr;
  for (const auto& run : runs) {
    if (!counts(run) || run.outcome != RunOutcome::failed || !is_newer(run, history.succeeded)) continue;
    if (history.failures++ == 0 || run.started < history.failing_since) history.failing_since = run.started;
    if (is_newer(run, history.failed)) history.failed = &run;
  }
  return history;
}

std::chrono::minutes pause_after(unsigned failures) {
  return std::min(kFirstPause * (1 << std::min(failures - 1, kMostDoublings)), kLongestPause);
}

/// Chains of windows end somewhere, or leave no time at all: then the end of the last that was looked at.
io::TimePoint outside_windows(const JobSchedule& schedule, io::TimePoint time) {
  constexpr int kMostInAChain = 100;
  for (int i = 0; i < kMostInAChain; ++i) {
    const auto* window = window_at(schedule, time);
    if (!window) return time;
    time = std::max(time + 1s, schedule.zone.to_time(window->end_after(schedule.zone.to_local(time))));
  }
  return time;
}

/// When it is, or was, due. Nothing: not while nothing else changes.
std::optional<io::TimePoint> due_time(JobKind kind, std::string_view server, const JobSchedule& schedule,
                                      const History& own, const History& backups, io::TimePoint now) {
  const auto& timing = schedule.timing(kind);
  if (!timing.is_set() || (kind != JobKind::backup && !backups.succeeded)) return std::nullopt;
  if (timing.is_after_backup()) {
    if (kind == JobKind::backup) return std::nullopt;  // the configuration refuses it
    const auto backup_ended = backups.succeeded->ended.value_or(backups.succeeded->started);
    if (own.succeeded && own.succeeded->started >= backup_ended) return std::nullopt;
    return backup_ended;
  }
  if (!own.succeeded) return own.failed ? own.failed->started : now;
  return timing.next_after(own.succeeded->started, schedule.zone, spread_offset(server, schedule.spread));
}

std::optional<io::TimePoint> due_by_deletion(JobKind kind, std::optional<io::TimePoint> deletion,
                                             const History& own) {
  if (!deletion || kind != JobKind::expire) return std::nullopt;
  if (!own.succeeded || own.succeeded->started < *deletion) return deletion;
  return own.succeeded->started + kDeletionAgainIn;
}

}  // namespace

const JobTiming& JobSchedule::timing(JobKind kind) const {
  if (kind == JobKind::backup) return backup;
  return kind == JobKind::expire ? expire : verify;
}

std::string_view to_string(JobKind kind) {
  return kWords[static_cast<std::size_t>(kind)];
}

std::optional<JobKind> parse_job_kind(std::string_view text) {
  const auto word = std::ranges::find(kWords, text);
  if (word == kWords.end()) return std::nullopt;
  return static_cast<JobKind>(word - kWords.begin());
}

std::chrono::seconds spread_offset(std::string_view server, std::chrono::milliseconds spread) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(spread).count();
  if (seconds <= 0) return 0s;
  io::Sha256 hash;
  hash.update(io::as_bytes(server));
  const auto digest = hash.finish();
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i)
    number = number << 8 | std::to_integer<std::uint64_t>(digest[i]);
  return std::chrono::seconds(number % static_cast<std::uint64_t>(seconds));
}

JobFailures failures_of(JobKind kind, std::span<const RunRecord> runs, io::TimePoint now) {
  const auto history = history_of(kind, runs, now);
  return {.count = history.failures,
          .since = history.failing_since,
          .error = history.failed ? history.failed->error : ""};
}

bool has_begun(const RunRecord& run, io::TimePoint now) {
  return run.started <= now + kClocksDiffer;
}

const TimeWindow* window_at(const JobSchedule& schedule, io::TimePoint time) {
  const auto local = schedule.zone.to_local(time);
  const auto window =
      std::ranges::find_if(schedule.never, [&](const TimeWindow& one) { return one.covers(local); });
  return window == schedule.never.end() ? nullptr : &*window;
}

std::vector<PlannedJob> plan_jobs(std::string_view server, const JobSchedule& schedule,
                                  std::span<const RunRecord> runs, io::TimePoint now,
                                  std::optional<io::TimePoint> deletion) {
  const auto backups = history_of(JobKind::backup, runs, now);
  std::vector<PlannedJob> jobs;
  for (const auto kind : kJobKinds) {
    const auto own = history_of(kind, runs, now);
    const auto by_deletion = due_by_deletion(kind, deletion, own);
    if (!schedule.timing(kind).is_set() && !by_deletion) continue;
    auto due = due_time(kind, server, schedule, own, backups, now);
    if (by_deletion) due = std::min(due.value_or(*by_deletion), *by_deletion);
    if (!due && !own.running) continue;
    PlannedJob job{.kind = kind,
                   .due = due.value_or(now),
                   .begins = {},
                   .failures = own.failures,
                   .error = {},
                   .running_since = {}};
    auto begins = std::max(job.due, now);
    if (own.failed) {
      job.error = own.failed->error;
      begins = std::max(begins, own.failed->ended.value_or(own.failed->started) + pause_after(own.failures));
    }
    job.begins = outside_windows(schedule, begins);
    if (own.running) job.running_since = own.running->started;
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace pgkeep::server
