#include "server/report/server_changes.h"

#include <algorithm>
#include <initializer_list>
#include <ranges>
#include <set>

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

/// It was done, and found damage. Those of one backup or of WAL alone count as failed then, with their
/// figures.
bool found_damage(const RunRecord& run) {
  if (!is_verification(run) || (run.outcome != RunOutcome::succeeded && run.outcome != RunOutcome::failed))
    return false;
  const auto details = details_of(run);
  const auto good = details.find("good");
  return good != details.end() && good->is_boolean() && !good->get<bool>();
}

std::string damage_of(const RunRecord& run) {
  if (run.outcome == RunOutcome::succeeded) return run.subject;
  return fmt::format("{}{}{}: {}", run.kind, run.subject.empty() ? "" : " ", run.subject, run.error);
}

void add_verification(const RunRecord& run, ServerChanges& changes) {
  ++changes.verifications;
  changes.verified_bytes += figure(details_of(run), "bytes");
  if (found_damage(run)) changes.damage.push_back({time_of(run), damage_of(run)});
}

void add_run(const RunRecord& run, ServerChanges& changes) {
  if (found_damage(run)) {
    add_verification(run, changes);
    return;
  }
  if (run.outcome == RunOutcome::failed || run.outcome == RunOutcome::interrupted) {
    if (run.kind == "backup") ++changes.backups_failed;
    changes.failed.push_back(
        {time_of(run),
         fmt::format("{}: {}", run.kind, run.error.empty() ? to_string(run.outcome) : run.error)});
    return;
  }
  if (run.outcome != RunOutcome::succeeded) return;
  if (is_verification(run)) add_verification(run, changes);
  const auto details = details_of(run);
  if (run.kind == "expire")
    changes.freed_bytes += figure(details, "freed_bytes") + figure(details, "wal_bytes");
}

void add_bad_pages(const store::BackupRecord& backup, ServerChanges& changes) {
  if (backup.checksum_failures == 0) return;
  auto text = fmt::format("backup {}: {} with a wrong checksum", backup.id.to_string(),
                          counted(backup.checksum_failures, "page"));
  if (!backup.damaged_files.empty()) text += ", the first in " + backup.damaged_files.front();
  changes.bad_pages.push_back({backup.ended, std::move(text)});
}

/// A deletion that was repeated is noted again: the last note counts.
void add_removed(const store::Deletion& deletion, ServerChanges& changes) {
  GoneBackup gone{deletion.id ? deletion.id->to_string() : "", deletion.at, deletion.why};
  if (!gone.id.empty())
    std::erase_if(changes.removed, [&](const GoneBackup& before) { return before.id == gone.id; });
  changes.removed.push_back(std::move(gone));
}

void add_gone(const ServerRecords& records, io::TimePoint since, ServerChanges& changes) {
  for (const auto& deletion : records.deletions)
    if (deletion.at >= since) add_removed(deletion, changes);
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

/// Those that are there, and those that the journal tells of and that have gone since.
void add_backups(const ServerRecords& records, io::TimePoint since, ServerChanges& changes) {
  std::set<std::string> there;
  for (const auto& backup : records.backups) {
    there.insert(backup.id.to_string());
    if (backup.ended < since) continue;
    ++changes.backups_made;
    changes.backup_bytes += stored_bytes(backup);
    add_bad_pages(backup, changes);
  }
  for (const auto& run : records.runs) {
    if (run.kind != "backup" || run.outcome != RunOutcome::succeeded || time_of(run) < since) continue;
    const auto details = details_of(run);
    const auto id = details.find("backup");
    if (id == details.end() || !id->is_string() || there.contains(id->get<std::string>())) continue;
    ++changes.backups_made;
    changes.backup_bytes += added_by(run);
  }
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
  add_backups(records, since, changes);
  changes.wal_bytes = records.wal.added_bytes;
  for (const auto& run : records.runs | std::views::reverse)
    if (time_of(run) >= since) add_run(run, changes);
  add_gone(records, since, changes);
  for (const auto& event : records.events)
    if (event.at >= since && event.kind != catalog::EventKind::slot_created)
      changes.events.push_back({event.at, in_words(event)});
  return changes;
}

std::optional<LastAttempt> last_attempt_of(std::span<const RunRecord> newest_first) {
  const auto run = std::ranges::find(newest_first, "backup", &RunRecord::kind);
  if (run == newest_first.end()) return std::nullopt;
  const bool failed = run->outcome == RunOutcome::failed || run->outcome == RunOutcome::interrupted;
  return LastAttempt{run->started, failed};
}

std::optional<Proof> newest_proof(std::span<const RunRecord> newest_first,
                                  const std::optional<io::TimePoint>& damaged_since) {
  const auto run = std::ranges::find_if(newest_first, [](const RunRecord& one) {
    return is_verification(one) && one.kind != "verify-wal" &&
           (one.outcome == RunOutcome::succeeded || found_damage(one));
  });
  if (run == newest_first.end()) {
    if (!damaged_since) return std::nullopt;
    return Proof{.at = *damaged_since, .sound = false, .left_bytes = 0, .all_since = {}};
  }
  const auto details = details_of(*run);
  Proof proof{.at = time_of(*run),
              .sound = !damaged_since && !found_damage(*run),
              .left_bytes = figure(details, "left_bytes"),
              .all_since = {}};
  const auto since = details.find("proved_since");
  if (since != details.end() && since->is_string())
    proof.all_since = io::parse_rfc3339(since->get_ref<const std::string&>());
  return proof;
}

std::optional<BackupService> service_of(const ServerRecords& records, io::TimePoint now) {
  const auto from = now - kServiceDays;
  if (records.runs.empty() || (!records.has_all_runs && records.runs.back().started > from))
    return std::nullopt;
  // The oldest backup that the journal tells of, or that was tried.
  const auto first = std::ranges::find(records.runs | std::views::reverse, "backup", &RunRecord::kind);
  if (first == records.runs.rend()) return std::nullopt;
  BackupService service;
  service.added_by_day.resize(static_cast<std::size_t>(kServiceDays.count()));
  auto before = std::max(from, first->started);
  const auto without = [&](io::TimePoint until) {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(until - before);
    service.longest_without = std::max(service.longest_without.value_or(time), time);
  };
  for (const auto& run : records.runs | std::views::reverse) {
    if (!is_backup_since(run, from) || run.started > now || run.outcome == RunOutcome::running) continue;
    ++(run.outcome == RunOutcome::succeeded ? service.succeeded : service.failed);
    if (run.outcome != RunOutcome::succeeded) continue;
    without(time_of(run));
    before = time_of(run);
    const auto day = static_cast<std::size_t>((time_of(run) - from) / std::chrono::days(1));
    service.added_by_day[std::min(day, service.added_by_day.size() - 1)] += added_by(run);
  }
  if (now > before) without(now);
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
