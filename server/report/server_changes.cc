#include "server/report/server_changes.h"

#include <algorithm>
#include <initializer_list>
#include <ranges>

#include <fmt/format.h>

#include "catalog/io/json.h"
#include "server/fleet/backup_facts.h"
#include "server/terminal/output.h"

namespace pgkeep::server {
namespace {

using catalog::RunOutcome;
using catalog::RunRecord;

io::TimePoint time_of(const RunRecord& run) {
  return run.ended.value_or(run.started);
}

/// A figure of the run; 0 where it has none.
std::uint64_t figure(const Json& details, const char* key) {
  const auto found = details.find(key);
  return found != details.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

/// What the run has written down; an object in any case.
Json details_of(const RunRecord& run) {
  auto details = Json::parse(run.details, nullptr, false);
  return details.is_object() ? details : Json::object();
}

bool is_verification(const RunRecord& run) {
  return run.kind == "verify" || run.kind == "verify-backup" || run.kind == "verify-wal";
}

/// It was done, and found damage. Those of one backup or of WAL alone count as failed then.
bool found_damage(const RunRecord& run) {
  return run.kind == "verify" && run.outcome == RunOutcome::succeeded && !details_of(run).value("good", true);
}

void add_run(const RunRecord& run, ServerChanges& changes) {
  if (run.outcome == RunOutcome::failed || run.outcome == RunOutcome::interrupted) {
    changes.failed.push_back(
        {time_of(run),
         fmt::format("{}: {}", run.kind, run.error.empty() ? to_string(run.outcome) : run.error)});
    return;
  }
  if (run.outcome != RunOutcome::succeeded) return;
  const auto details = details_of(run);
  if (run.kind == "expire")
    changes.freed_bytes += figure(details, "freed_bytes") + figure(details, "wal_bytes");
  if (!is_verification(run)) return;
  ++changes.verifications;
  changes.verified_bytes += figure(details, "bytes");
  if (found_damage(run)) changes.damage.push_back({time_of(run), run.subject});
}

void add_backup(const store::BackupRecord& backup, ServerChanges& changes) {
  ++changes.backups_made;
  changes.backup_bytes += stored_bytes(backup);
  if (backup.checksum_failures == 0) return;
  auto text = fmt::format("backup {}: {} with a wrong checksum", backup.id.to_string(),
                          counted(backup.checksum_failures, "page"));
  if (!backup.damaged_files.empty()) text += ", the first in " + backup.damaged_files.front();
  changes.bad_pages.push_back({backup.ended, std::move(text)});
}

void add_gone(const ServerRecords& records, io::TimePoint since, ServerChanges& changes) {
  for (const auto& deletion : records.deletions)
    if (deletion.at >= since)
      changes.removed.push_back({deletion.id ? deletion.id->to_string() : "", deletion.at, deletion.why});
  for (const auto& [id, marks] : records.marks)
    if (marks.expired && marks.expired->at >= since)
      changes.expired.push_back({id.to_string(), marks.expired->at, marks.expired->why});
}

std::string in_words(const catalog::Event& event) {
  std::string kind(to_string(event.kind));
  std::ranges::replace(kind, '_', ' ');
  return fmt::format("{}: {}", kind, event.cause);
}

std::uint64_t added_by(const RunRecord& backup) {
  const auto details = details_of(backup);
  return figure(details, "pack_bytes") + figure(details, "metadata_bytes");
}

bool is_backup_since(const RunRecord& run, io::TimePoint from) {
  return run.kind == "backup" && run.started >= from;
}

}  // namespace

WalGrowth wal_growth(catalog::StoredSegments& segments, io::TimePoint since, io::TimePoint now) {
  WalGrowth growth;
  bool begun = false;
  segments.for_each([&](const catalog::SegmentRow& row) {
    growth.stored_bytes += row.stored_bytes;
    // The files of a timeline are in the order in which they were written, and not each has a commit.
    begun = begun || (row.last_time && *row.last_time >= since && *row.last_time <= now);
    if (begun) growth.added_bytes += row.stored_bytes;
  });
  return growth;
}

ServerChanges changes_since(const ServerRecords& records, io::TimePoint since) {
  ServerChanges changes;
  for (const auto& backup : records.backups)
    if (backup.ended >= since) add_backup(backup, changes);
  changes.wal_bytes = records.wal.added_bytes;
  for (const auto& run : records.runs | std::views::reverse)
    if (time_of(run) >= since) add_run(run, changes);
  add_gone(records, since, changes);
  for (const auto& event : records.events)
    if (event.at >= since && event.kind != catalog::EventKind::slot_created)
      changes.events.push_back({event.at, in_words(event)});
  return changes;
}

std::optional<Proof> newest_proof(std::span<const RunRecord> newest_first) {
  const auto run = std::ranges::find_if(newest_first, [](const RunRecord& one) {
    return is_verification(one) && one.outcome == RunOutcome::succeeded;
  });
  if (run == newest_first.end()) return std::nullopt;
  Proof proof{.at = time_of(*run), .sound = !found_damage(*run), .all_since = {}};
  const auto details = details_of(*run);
  const auto since = details.find("proved_since");
  if (since != details.end() && since->is_string())
    proof.all_since = io::parse_rfc3339(since->get_ref<const std::string&>());
  return proof;
}

std::optional<BackupService> service_of(const ServerRecords& records, io::TimePoint now) {
  const auto from = now - kServiceDays;
  if (records.runs.empty() || (!records.has_all_runs && records.runs.back().started > from))
    return std::nullopt;
  BackupService service;
  service.added_by_day.resize(static_cast<std::size_t>(kServiceDays.count()));
  std::optional<io::TimePoint> before;
  const auto without = [&](io::TimePoint until) {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(until - *before);
    service.longest_without = std::max(service.longest_without.value_or(time), time);
  };
  for (const auto& run : records.runs | std::views::reverse) {
    if (!is_backup_since(run, from) || run.started > now || run.outcome == RunOutcome::running) continue;
    ++(run.outcome == RunOutcome::succeeded ? service.succeeded : service.failed);
    if (run.outcome != RunOutcome::succeeded) continue;
    if (before) without(time_of(run));
    before = time_of(run);
    const auto day = static_cast<std::size_t>((time_of(run) - from) / std::chrono::days(1));
    service.added_by_day[std::min(day, service.added_by_day.size() - 1)] += added_by(run);
  }
  if (service.succeeded + service.failed == 0) return std::nullopt;
  if (before && service.succeeded > 1 && now > *before) without(now);
  return service;
}

std::vector<Stretch> stretches_of(const catalog::RecoveryWindow& window) {
  std::vector<Stretch> stretches;
  const catalog::BackupReach* last = nullptr;
  for (const auto& reach : window.backups) {
    const auto until = std::max(reach.until.value_or(reach.from), reach.from);
    const bool continues = last != nullptr && last->end == reach.end;
    if (!continues) stretches.push_back({reach.from, until});
    stretches.back().until = std::max(stretches.back().until, until);
    last = &reach;
  }
  return stretches;
}

}  // namespace pgkeep::server
