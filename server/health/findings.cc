#include "server/health/findings.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/health/findings_parts.h"

namespace pgkeep::server {
namespace {

Finding examine_configuration(const RepositoryFacts& seen) {
  if (seen.config_problem.empty()) return {.key = "configuration", .what = seen.config_file.native()};
  return {.key = "configuration",
          .severity = Severity::failed,
          .what = fmt::format("the daemon continues with the one of {}: {}", io::format_time(seen.configured),
                              seen.config_problem),
          .hint = "correct it, then `pgkeep reload`"};
}

Finding examine_root(const RepositoryFacts& seen) {
  Finding finding{.key = "repository", .severity = Severity::failed, .what = {}};
  if (!seen.is_there) {
    finding.what = fmt::format("{} holds no repository", seen.root.native());
    finding.hint = "is the file system mounted? The first `pgkeep serve` or `pgkeep backup` makes one";
  } else if (!seen.is_writable) {
    finding.what = fmt::format("{} cannot be written by this user", seen.root.native());
    finding.hint = "run pgkeep as the user who owns the repository";
  } else {
    finding.severity = Severity::ok;
    finding.what = fmt::format("{} can be written", seen.root.native());
  }
  return finding;
}

Finding examine_files(const RepositoryFacts& seen) {
  Finding finding{.key = "repository_files", .what = "everything belongs to the owner of the repository"};
  const auto& unusable = seen.unusable_files;
  if (unusable.empty()) return finding;
  finding.severity = Severity::failed;
  finding.what = unusable.front();
  if (unusable.size() > 1) finding.what += fmt::format(", and {} more", unusable.size() - 1);
  finding.hint = fmt::format(
      "as root: `chown -R --no-dereference {0} {1}` and `chmod -R go-w {1}`; "
      "put what a symbolic link points to in its place",
      seen.owner, seen.root.native());
  return finding;
}

/// That nobody hears of trouble is trouble.
Finding examine_messages(std::string key, const std::vector<RepositoryFacts::Undelivered>& undelivered,
                         std::string hint) {
  Finding finding{.key = std::move(key), .what = "taken by all"};
  for (const auto& one : undelivered) {
    finding.what =
        finding.severity == Severity::ok ? one.what : fmt::format("{}; {}", finding.what, one.what);
    finding.severity = Severity::warning;
  }
  if (finding.severity != Severity::ok) finding.hint = std::move(hint);
  return finding;
}

void examine_hooks(const ServerFacts& facts, std::vector<Finding>& findings) {
  if (!facts.hook_faults) return;
  Finding finding{.key = "hooks", .what = "can be run"};
  if (const auto& faults = *facts.hook_faults; !faults.empty()) {
    finding.severity = Severity::failed;
    finding.what = faults.front();
    if (faults.size() > 1) finding.what += fmt::format(", and {} more", faults.size() - 1);
    finding.hint = "until then the jobs before which it has to be run are not done";
  }
  findings.push_back(std::move(finding));
}

}  // namespace

void examine_repository(const ServerFacts& facts, std::vector<Finding>& findings) {
  if (!facts.repository) return;
  const auto& seen = *facts.repository;
  findings.push_back(examine_configuration(seen));
  if (facts.has_seen("repository")) findings.push_back(examine_root(seen));
  if (seen.is_there && facts.has_seen("repository_files")) findings.push_back(examine_files(seen));
  if (seen.report)
    findings.push_back(
        examine_messages("report_mail", *seen.report,
                         "look at `mail` in the configuration; `pgkeep report --mail` sends one now"));
  if (seen.notifications)
    findings.push_back(
        examine_messages("notifications", *seen.notifications,
                         "look at `notify` in the configuration; `pgkeep notify --test` tries it"));
}

std::vector<Finding> examine(const ServerFacts& facts, io::TimePoint now) {
  std::vector<Finding> findings;
  for (const auto& [key, why] : facts.unseen)
    findings.push_back({.key = key, .severity = Severity::failed, .what = why});
  examine_repository(facts, findings);
  examine_space(facts, now, findings);
  examine_live(facts, findings);
  examine_stream(facts, now, findings);
  examine_stored(facts, now, findings);
  examine_jobs(facts, now, findings);
  examine_hooks(facts, findings);
  for (auto& finding : findings) finding.server = facts.config.name;
  std::ranges::stable_sort(findings, {}, [](const Finding& finding) { return place_of(finding.key); });
  return findings;
}

std::vector<Finding> examine_new(const ServerFacts& facts, io::TimePoint now) {
  auto findings = examine(facts, now);
  const bool has_slot = facts.live && facts.live->ours.slot;
  std::erase_if(findings, [&](const Finding& finding) {
    return finding.key == "receiver" || finding.key == "synchronous" || (finding.key == "slot" && !has_slot);
  });
  return findings;
}

}  // namespace pgkeep::server
