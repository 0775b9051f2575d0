#include "server/health/stored_checks.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/store/backup_record.h"
#include "catalog/wal/set_aside_line.h"
#include "catalog/wal/wal_conflicts.h"
#include "server/fleet/fleet.h"
#include "server/health/server_status.h"
#include "server/health/wal_facts.h"

namespace pgkeep::server {
namespace {

using Result = Check::Result;

/// What a stream that runs has not brought by then, it will not bring soon.
constexpr std::chrono::hours kStreamBringsItIn{1};

/// Only what is damaged is lost; what may not be opened is as it was once it is given back.
std::string hint_for_unread(const ServerConfig& server, const std::vector<store::UnreadBackup>& unread) {
  const auto damaged = std::ranges::find(unread, false, &store::UnreadBackup::denied);
  if (damaged == unread.end()) {
    return "the backup is kept, and can be used again when its files belong to the owner of the repository; "
           "delete nothing for that";
  }
  return fmt::format(
      "the damaged backup cannot be used: bring its backup.json back from another copy of the repository, "
      "or give it up: `pgkeep delete {} {}`",
      server.name, damaged->id.to_string());
}

Check check_backups(const ServerConfig& server, const store::BackupListing& listing) {
  Check check{.name = "backups", .label = "backups"};
  if (!listing.unread.empty()) {
    check.result = Result::failed;
    for (const auto& backup : listing.unread)
      check.finding += fmt::format("{}{}", check.finding.empty() ? "" : "; ", describe(backup));
    check.hint = hint_for_unread(server, listing.unread);
  } else if (listing.backups.empty()) {
    check.result = Result::failed;
    check.finding = "none";
    check.hint = fmt::format("take one: `pgkeep backup {}`", server.name);
  } else {
    const auto& latest = listing.backups.back();
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(io::now() - latest.ended);
    check.finding = fmt::format("{}; the latest, {}, is {} old", listing.backups.size(),
                                latest.id.to_string(), io::format_duration(age));
    if (latest.checksum_failures > 0) {
      check.result = Result::failed;
      check.finding += fmt::format(", with {} checksum failures", latest.checksum_failures);
      check.hint =
          fmt::format("the server has damaged pages: `pgkeep show-backup {} latest` names them", server.name);
    }
  }
  return check;
}

std::string describe(const catalog::WalGap& gap) {
  return fmt::format("{} to {} of timeline {}{}", gap.range.begin.to_string(), gap.range.end.to_string(),
                     gap.range.timeline.to_string(), gap.event ? ": " + gap.event->cause : "");
}

/// What a recovery to the end needs is there for the newest backup, or nothing protects the server; that
/// older ones end at a gap is only to be known.
Check check_wal_continuous(const ServerConfig& server, const catalog::WalArchive& archive,
                           const WalFacts& wal, const std::vector<store::BackupRecord>& backups) {
  Check check{.name = "wal_continuous", .label = "WAL without holes"};
  if (!wal.received) {
    check.result = Result::failed;
    check.finding = "no WAL is stored";
    check.hint = "start `pgkeep serve`";
    return check;
  }
  const auto newest = wal.newest->line().timeline();
  if (!archive.history(newest)) {
    check.result = Result::failed;
    check.finding = fmt::format("{} is missing", newest.history_file());
    check.hint = "the receiver fetches the history of its timeline when it starts again";
    return check;
  }
  std::vector<std::string> cut_off;
  for (const auto& backup : backups) {
    if (hole_behind(wal, backup)) cut_off.push_back(backup.id.to_string());
  }
  if (cut_off.empty() && wal.gaps.empty()) {
    const auto begin = backups.empty() ? wal.ranges.front().begin : backups.front().start.lsn;
    check.finding = fmt::format("from {} to {}", begin.to_string(), wal.received->lsn.to_string());
    return check;
  }
  check.result = Result::advice;
  for (const auto& gap : wal.gaps)
    check.finding += fmt::format("{}missing: {}", check.finding.empty() ? "" : "; ", describe(gap));
  if (check.finding.empty()) check.finding = "the WAL behind a backup does not lead to the newest timeline";
  check.hint = fmt::format("backups that reach no further than that: {}",
                           cut_off.empty() ? "none" : fmt::format("{}", fmt::join(cut_off, ", ")));
  if (backups.empty() || !hole_behind(wal, backups.back())) return check;
  check.result = Result::failed;
  check.hint = fmt::format(
      "no backup reaches the WAL of now: take one by `pgkeep backup {}`, unless the daemon is at it",
      server.name);
  return check;
}

Check check_branches(const store::ServerLayout& layout) {
  Check check{.name = "branches", .label = "one history", .finding = "no other branch in the last week"};
  const auto all = catalog::EventJournal(layout).read();
  if (const auto* open = catalog::undecided_rollback(all)) {
    check.result = Result::failed;
    check.finding = fmt::format("{}: {}", io::format_time(open->at), open->cause);
    check.hint = "no WAL is received until you decide: see the runbook \"A server was put back\"";
    return check;
  }
  const auto events = late_alarms(all);
  const auto* event = newest_branch_event(events);
  if (event == nullptr) return check;
  const bool split = event->kind == catalog::EventKind::split_brain;
  check.result = split ? Result::failed : Result::advice;
  check.finding = fmt::format("{}: {}", io::format_time(event->at), event->cause);
  check.hint = split ? "see the runbook \"Two servers claim to be the primary\"; said for a week" : "";
  return check;
}

/// Only when there is one.
std::optional<Check> check_histories(const catalog::WalArchive& archive) {
  const auto damaged = archive.inventory().damaged_histories;
  if (damaged.empty()) return std::nullopt;
  Check check{.name = "histories", .label = "timeline histories", .result = Result::failed};
  for (const auto& [timeline, why] : damaged)
    check.finding += fmt::format("{}{}", check.finding.empty() ? "" : "; ", why);
  check.hint = "no recovery can follow that timeline until then; all others can";
  return check;
}

/// Only when there is a damaged one.
std::optional<Check> check_lines(const store::ServerLayout& layout) {
  Check check{.name = "lines", .label = "lines that were set aside", .result = Result::failed};
  for (const auto& line : catalog::read_set_aside_lines(layout))
    if (!line.damage.empty()) check.finding += (check.finding.empty() ? "" : "; ") + line.damage;
  if (check.finding.empty()) return std::nullopt;
  check.hint = "recoveries from the backups of all other lines are not concerned";
  return check;
}

Check check_conflicts(const ServerConfig& server, catalog::WalArchive& archive) {
  Check check{.name = "wal_conflicts", .label = "pushed WAL", .finding = "nothing that differs"};
  const auto open = catalog::WalConflicts(archive).count_open();
  if (open == 0) {
    const auto waiting = read_waiting_facts(archive);
    if (!waiting.oldest || io::now() - *waiting.oldest < kStreamBringsItIn) return check;
    check.result = Result::advice;
    check.finding = fmt::format("{} that the stream has not brought, the oldest since {}, {} to {}",
                                counted(waiting.files, "segment"), io::format_time(*waiting.oldest),
                                waiting.first, waiting.last);
    check.hint = fmt::format(
        "no recovery takes them before `pgkeep adopt-wal {}` does; `pgkeep pushed-wal {}` lists them",
        server.name, server.name);
    return check;
  }
  check.result = Result::failed;
  check.finding = fmt::format("{} differ from what is stored under the same name", counted(open, "file"));
  check.hint = fmt::format("`pgkeep wal-conflicts {}` shows and settles them", server.name);
  return check;
}

Check check_lag(const WalFacts& wal, const LiveFacts& live, postgres::WalSegmentSize size) {
  Check check{.name = "wal_lag", .label = "WAL received"};
  const auto lag = wal_lag(wal, live.current_lsn);
  check.finding = lag ? fmt::format("{} behind the server", io::format_bytes(*lag)) : "none";
  // More than two segments: the stream is not keeping up, or there is none.
  if (!lag || *lag > std::uint64_t{2} * size.bytes()) {
    check.result = Result::failed;
    check.hint = "what the server has written since would be lost with it; see the WAL receiver";
  }
  return check;
}

}  // namespace

void check_stored(const ServerConfig& server, const store::ServerLayout& layout,
                  const std::optional<LiveFacts>& live, std::vector<Check>& checks) {
  std::vector<store::BackupRecord> backups;
  add_check(checks, "backups", "backups", [&] {
    auto listing = store::list_backup_records(layout);
    catalog::keep_only_own(layout, listing.backups);
    auto check = check_backups(server, listing);
    backups = std::move(listing.backups);
    return check;
  });
  std::optional<catalog::WalArchive> archive;
  add_check(checks, "stored", "what is stored", [&]() -> std::optional<Check> {
    if (is_known(layout)) archive.emplace(open_archive(server, layout));
    return std::nullopt;
  });
  if (!archive) return;
  std::optional<WalFacts> wal;
  add_check(checks, "wal_continuous", "WAL without holes", [&] {
    wal = read_wal_facts(*archive);
    return check_wal_continuous(server, *archive, *wal, backups);
  });
  add_check(checks, "branches", "one history", [&] { return check_branches(layout); });
  add_check(checks, "histories", "timeline histories", [&] { return check_histories(*archive); });
  add_check(checks, "lines", "lines that were set aside", [&] { return check_lines(layout); });
  add_check(checks, "wal_conflicts", "pushed WAL", [&] { return check_conflicts(server, *archive); });
  if (live && wal && wal->received)
    checks.push_back(check_lag(*wal, *live, archive->identity().wal_segment_size));
}

}  // namespace pgkeep::server
