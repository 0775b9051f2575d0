#include "server/health/finding.h"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace pgkeep::server {
namespace {

/// All the keys there are, in the order in which they are shown.
constexpr auto kLabels = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"configuration", "configuration"},
    {"repository", "repository"},
    {"free_space", "free space"},
    {"space_forecast", "days until full"},
    {"repository_files", "owner of files"},
    {"sql_connection", "SQL connection"},
    {"replication_connection", "replication connection"},
    {"version", "version"},
    {"identity", "identity"},
    {"clock", "clock"},
    {"wal_level", "wal_level"},
    {"max_wal_senders", "max_wal_senders"},
    {"slot", "replication slot"},
    {"slot_limit", "protect_primary"},
    {"slot_keep_size", "max_slot_wal_keep_size"},
    {"slot_idle_timeout", "idle_replication_slot_timeout"},
    {"slot_watch", "daemon's look at the slot"},
    {"receiver", "WAL receiver"},
    {"synchronous", "synchronous commits"},
    {"configuration_files", "configuration files"},
    {"summarize_wal", "summarize_wal"},
    {"data_checksums", "data checksums"},
    {"backups", "backups"},
    {"backup_chain", "records of backups"},
    {"damage", "damage of what is stored"},
    {"verification", "verification"},
    {"marks", "marks of backups"},
    {"own_backup", "backup by the daemon"},
    {"retention", "retention policy"},
    {"schedule", "schedule"},
    {"jobs", "jobs"},
    {"hooks", "hooks"},
    {"report_mail", "report by mail"},
    {"notifications", "notifications"},
    {"stored", "what is stored"},
    {"wal_continuous", "WAL without gaps"},
    {"branches", "one history"},
    {"histories", "timeline histories"},
    {"lines", "lines that were set aside"},
    {"journals", "journals"},
    {"wal_conflicts", "pushed WAL"},
    {"wal_lag", "WAL received"},
    {"check", "the check itself"},
    {"report", "the report itself"},
});

const Finding* find(const std::vector<Finding>& findings, std::string_view key) {
  const auto found = std::ranges::find(findings, key, &Finding::key);
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_string(Severity severity) {
  if (severity == Severity::failed) return "FAILED";
  return severity == Severity::ok ? "OK" : "ADVICE";
}

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::ok:
      return "ok";
    case Severity::advice:
      return "advice";
    case Severity::warning:
      return "warning";
    case Severity::failed:
      break;
  }
  return "failed";
}

std::vector<std::string_view> finding_keys() {
  std::vector<std::string_view> keys;
  for (const auto& [key, label] : kLabels) keys.push_back(key);
  return keys;
}

std::size_t place_of(std::string_view key) {
  const auto* const found = std::ranges::find(kLabels, key, &decltype(kLabels)::value_type::first);
  return static_cast<std::size_t>(found - kLabels.begin());
}

std::string_view label_of(std::string_view key) {
  const auto place = place_of(key);
  return place == kLabels.size() ? key : kLabels.at(place).second;
}

std::string describe(const Finding& finding) {
  return fmt::format("{}: {}", label_of(finding.key), finding.what);
}

std::vector<Finding> problems(const std::vector<Finding>& findings) {
  std::vector<Finding> found;
  std::ranges::copy_if(findings, std::back_inserter(found), &Finding::is_problem);
  std::ranges::stable_sort(found, std::ranges::greater(), &Finding::severity);
  return found;
}

std::vector<Finding> changes(const std::vector<Finding>& before, const std::vector<Finding>& now) {
  std::vector<Finding> found;
  for (const auto& finding : now) {
    const auto* earlier = find(before, finding.key);
    const auto was = earlier == nullptr ? Severity::ok : earlier->severity;
    if (finding.severity != was) found.push_back(finding);
  }
  for (const auto& finding : before) {
    if (finding.severity != Severity::ok && find(now, finding.key) == nullptr)
      found.push_back({.key = finding.key, .what = "nothing to say any more", .server = finding.server});
  }
  return found;
}

}  // namespace pgkeep::server
