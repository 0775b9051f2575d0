#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "catalog/index/stored_segments.h"
#include "catalog/wal/held_wal.h"

namespace pgkeep::catalog {

/// How far a backup and the WAL after it reach without a gap, and without WAL of wal_level = minimal.
struct BackupReach {
  store::BackupId backup;
  io::TimePoint from;  // when it ended: no earlier time can be recovered from it
  postgres::Lsn end;   // of the WAL after it that is held without a gap
  /// The newest commit up to there; nothing when there is none. Any target time before it can be reached, and
  /// recovery without a target brings it back too.
  std::optional<io::TimePoint> until;
};

/// The times that a server can be recovered to, along the line of its newest timeline. Backups of other
/// branches, and those that lack WAL before they are consistent, are not in it.
struct RecoveryWindow {
  postgres::TimelineId timeline;
  postgres::Lsn end;                 // of the newest WAL that is held of the line
  std::vector<BackupReach> backups;  // oldest first

  /// From which all the rest is held without a gap up to `end`: what is recoverable starts at its `from`.
  /// Null when there is none: then the newest WAL cannot be reached.
  const BackupReach* oldest_to_the_end() const;
  /// Null when there is no backup.
  const BackupReach* newest() const { return backups.empty() ? nullptr : &backups.back(); }
  /// The newest commit on the way to where the newest backup leads, before that one or after; nothing when
  /// none is known.
  std::optional<io::TimePoint> until() const;
};

/// Of the partials of which they are known.
using PartialCommits = std::map<postgres::WalSegment, CommitTimes>;

/// They are read as far as they were received: 10 ms for 16 MiB.
PartialCommits read_partial_commits(const WalArchive& archive, const HeldWal& wal);

/// Nothing without any WAL. `backups`: oldest first, of the line alone. Commits in a file that is not
/// replayed to its end (its timeline was left inside it, and the next one's file is not here; or no recovery
/// passes what follows) are not counted, so `until` may be too early and never is too late. `archived` is
/// asked for each segment once, unless recoveries end in many places.
std::optional<RecoveryWindow> examine_recovery_window(std::span<const store::BackupRecord> backups,
                                                      const HeldWal& wal, StoredSegments& archived,
                                                      const PartialCommits& partials,
                                                      std::span<const Event> events);

}  // namespace pgkeep::catalog
