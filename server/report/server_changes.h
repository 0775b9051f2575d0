#pragma once

#include <map>
#include <optional>
#include <span>

#include "catalog/index/recovery_window.h"
#include "catalog/index/stored_segments.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/run_journal.h"
#include "catalog/retention/retention_marks.h"
#include "catalog/store/backup_record.h"
#include "catalog/store/deletions.h"
#include "server/report/fleet_report.h"

namespace pgkeep::server {

using MarksOfBackups = std::map<store::BackupId, catalog::RetentionMarks>;

/// What archived WAL takes, in bytes.
struct WalGrowth {
  std::uint64_t stored_bytes = 0;
  std::uint64_t added_bytes = 0;  // of it, since the report begins
};

/// Everything that is recorded of a server, as a report needs it.
struct ServerRecords {
  std::vector<store::BackupRecord> backups;  // of its current line, oldest first
  MarksOfBackups marks;                      // of these
  WalGrowth wal;                             // archived
  std::vector<catalog::RunRecord> runs;      // newest first
  bool has_all_runs = false;                 // or only the newest of them
  std::vector<store::Deletion> deletions;    // oldest first
  std::vector<catalog::Event> events;        // oldest first
};

/// Looks at each segment: from the first with a commit since then on, all were added. A commit of a time that
/// is still to come tells nothing.
WalGrowth wal_growth(catalog::StoredSegments& segments, io::TimePoint since, io::TimePoint now);

// All pure.

ServerChanges changes_since(const ServerRecords& records, io::TimePoint since);

/// The backup that was begun last, whatever came of it.
std::optional<LastAttempt> last_attempt_of(std::span<const catalog::RunRecord> newest_first);

/// Of a verification that read backups. It is sound while no damage is known, whichever verification found
/// it: `damaged_since` is when. Nothing when none has come to an end and no damage is known.
std::optional<Proof> newest_proof(std::span<const catalog::RunRecord> newest_first,
                                  const std::optional<io::TimePoint>& damaged_since);

/// Nothing where the journal does not reach back so far, though there is more of it, or tells of no backup.
std::optional<BackupService> service_of(const ServerRecords& records, io::TimePoint now);

/// The times that backups and the WAL after them reach, oldest first.
std::vector<Stretch> stretches_of(const catalog::RecoveryWindow& window);

}  // namespace pgkeep::server
