#include <algorithm>

#include <fmt/format.h>

#include "server/health/findings_parts.h"
#include "server/schedule/job_plan.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

/// A backup a week that is a day late. What happened in that time, somebody sees to without a schedule.
constexpr std::chrono::days kSeenTo{8};

bool has_run_lately(JobKind kind, const std::vector<catalog::RunRecord>& runs, io::TimePoint now) {
  return std::ranges::any_of(runs, [&](const catalog::RunRecord& run) {
    return run.kind == to_string(kind) && run.outcome == catalog::RunOutcome::succeeded &&
           run.started > now - kSeenTo;
  });
}

Finding examine_retention(const ServerConfig& server, const StoredFacts& stored, io::TimePoint now) {
  Finding finding{.key = "retention", .severity = Severity::advice, .what = {}};
  if (!server.retention.lets_go()) {
    finding.what = "no policy: backups and WAL are kept for ever";
    finding.hint = "say in `retention` what is to be kept; the manual, Retention, has examples";
    return finding;
  }
  const bool is_old = stored.backups.front().ended <= now - kSeenTo;
  if (!server.schedule.expire.is_set() && is_old && !has_run_lately(JobKind::expire, *stored.runs, now)) {
    finding.what = fmt::format("a policy, and no `expire` in the last {} days", kSeenTo.count());
    finding.hint =
        fmt::format("`schedule: {{expire: after backup}}`, or `pgkeep expire {}` from cron", server.name);
    return finding;
  }
  finding.severity = Severity::ok;
  finding.what = "a policy that is carried out";
  return finding;
}

/// A fleet that cron drives needs none: there backups come.
Finding examine_schedule(const ServerConfig& server, const StoredFacts& stored, io::TimePoint now) {
  Finding finding{.key = "schedule", .what = "backups: " + server.schedule.backup.text()};
  if (server.schedule.backup.is_set()) return finding;
  finding.what = "none, and backups come without one";
  if (stored.backups.back().ended > now - kSeenTo) return finding;
  finding.severity = Severity::advice;
  finding.what = fmt::format("none for backups, and no backup in the last {} days", kSeenTo.count());
  finding.hint = fmt::format(
      "`schedule: {{backup: \"02:00\", expire: after backup}}` for `pgkeep serve`, or `pgkeep backup {}` from cron",
      server.name);
  return finding;
}

/// What a disk has lost without telling is found by reading alone.
Finding examine_verification(const std::string& server, const StoredFacts& stored, io::TimePoint now) {
  constexpr std::chrono::days kLongest{60};
  const auto oldest = std::ranges::min_element(stored.backups, {}, &store::BackupRecord::ended)->ended;
  std::optional<io::TimePoint> last;
  for (const auto& run : *stored.runs)
    if (run.kind == to_string(JobKind::verify) && run.outcome == catalog::RunOutcome::succeeded)
      last = std::max(last.value_or(run.started), run.started);
  Finding finding{.key = "verification", .what = "nothing was stored for long"};
  if (last) finding.what = fmt::format("the last one began at {}", io::format_time(*last));
  if (last.value_or(oldest) > now - kLongest) return finding;
  finding.severity = Severity::advice;
  if (!last) finding.what = fmt::format("what is stored was never read back, for {} days", kLongest.count());
  finding.hint =
      fmt::format("`schedule: {{verify: \"Sun 04:00\"}}`, or `pgkeep verify {}` from cron", server);
  return finding;
}

Finding examine_failures(const std::string& server, const std::vector<catalog::RunRecord>& runs,
                         io::TimePoint now) {
  Finding finding{.key = "jobs", .what = "none whose last run failed"};
  for (const auto kind : kJobKinds) {
    const auto failures = failures_of(kind, runs, now);
    if (failures.count == 0) continue;
    const bool first = finding.severity == Severity::ok;
    finding.severity = Severity::warning;
    finding.since = std::min(finding.since.value_or(failures.since), failures.since);
    finding.what = fmt::format("{}{}: {} failed since {}, the last: {}", first ? "" : finding.what + "; ",
                               to_string(kind), counted(failures.count, "run"),
                               io::format_time(failures.since), failures.error);
    finding.hint = fmt::format(
        "do what the message says, then `pgkeep run-job {0} {1}`; `pgkeep list-jobs {0} --runs 20` lists them",
        server, to_string(kind));
  }
  return finding;
}

}  // namespace

void examine_jobs(const ServerFacts& facts, io::TimePoint now, std::vector<Finding>& findings) {
  if (!facts.config.active || !facts.stored || !facts.stored->runs) return;
  const auto& stored = *facts.stored;
  // Of a server without any, another finding says that.
  if (!stored.backups.empty()) {
    findings.push_back(examine_retention(facts.config, stored, now));
    findings.push_back(examine_schedule(facts.config, stored, now));
  }
  if (!stored.backups.empty()) findings.push_back(examine_verification(facts.config.name, stored, now));
  findings.push_back(examine_failures(facts.config.name, *stored.runs, now));
}

}  // namespace pgkeep::server
