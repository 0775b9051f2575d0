#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/records/event_journal.h"
#include "catalog/retention/retention_policy.h"
#include "catalog/store/backup_id.h"
#include "catalog/wal/commit_times.h"
#include "catalog/wal/held_wal.h"

namespace pgkeep::catalog {

/// When transactions ended in the archived segments of a timeline.
struct ArchivedCommits {
  bool known = false;  // of each that is held
  std::optional<io::TimePoint> latest;
};

/// What is held of one line of WAL: the current one, or one that was set aside.
struct LineOfWal {
  std::optional<unsigned> number{};  // of one that was set aside
  HeldWal held{};
  std::vector<Event> events{};
  std::map<postgres::TimelineId, ArchivedCommits> commits{};      // where something is known
  std::map<postgres::WalSegment, CommitTimes> partial_commits{};  // of those of which they are known
  std::optional<io::TimePoint> set_aside{};                       // when; nothing later is on the line
  /// It was set aside with backups, each of which is there or was deleted: with the last of them it has no
  /// use any more.
  bool goes_with_its_backups = false;
};

/// What the rules look at of a backup.
struct RuledBackup {
  store::BackupId id;
  std::size_t line = 0;  // of which its WAL is: a place in the list of lines
  postgres::WalPosition start;
  postgres::WalPosition end;
  io::TimePoint ended;
};

/// What a clock on the wall shows where the days of the policy are counted.
using LocalTime = std::function<std::chrono::local_seconds(io::TimePoint)>;
std::chrono::local_seconds in_utc(io::TimePoint time);

/// A branch of timelines: one timeline of a line, with what it came from.
struct Branch {
  std::size_t line = 0;  // a place in the list of lines
  postgres::TimelineHistory history;
};
/// Those on which moments from `begin` on lie: by line and timeline. A branch of which it is not known when
/// it ended is one of them. `backups`: whose timelines count though no WAL of them is held. Pure.
std::vector<Branch> branches_since(io::TimePoint begin, std::span<const RuledBackup> backups,
                                   std::span<const LineOfWal> lines);
bool leads_along(const RuledBackup& backup, const Branch& branch);

/// Which rules keep a backup, in words.
using Reasons = std::map<store::BackupId, std::vector<std::string>>;

/// The backups that the rules keep, and why. Pure. `backups`: all that may count, oldest first; `lines`: the
/// current one last. While any is kept, so is the newest from which the current line's newest timeline is
/// reached.
///
/// For the recovery window a backup of each branch of timelines stays on which moments of that time lie: the
/// newest that ended before the window.
Reasons apply_rules(std::span<const RuledBackup> backups, std::span<const LineOfWal> lines,
                    const RetentionPolicy& policy, io::TimePoint now, const LocalTime& local = in_utc);

}  // namespace pgkeep::catalog
