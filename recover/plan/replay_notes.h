#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/wal/commit_times.h"
#include "recover/plan/plan.h"

namespace pgkeep::recover {

/// What the WAL that a plan replays says about the way there, beside the data.
struct ReplayNotes {
  bool formats_known = true;  // else nothing was read: the version came after this program
  std::vector<postgres::WalParameters> parameters{};
  std::vector<postgres::TablespaceChange> tablespaces{};
  std::vector<std::string> unread{};    // names of segments that could not be read for it
  std::optional<postgres::Lsn> stop{};  // of the record at which replay stops, where that could be found
  // For a restore point or a transaction as target, when the WAL is placed beforehand and there is no stop:
  std::vector<postgres::WalPosition> elsewhere{};  // those of other WAL
  bool may_be_prepared = false;                    // transactions ended of which the number was not read
};

/// Of the segments in `plan.replayed`, as their headers have it. A segment that is still being received is
/// read, and those in which the target may lie: for a position or a time the last ones, for a restore point
/// or a transaction all up to it. Only what replay comes to: from the backup's start up to the target, where
/// that was found, and on the line of the plan's timeline.
ReplayNotes read_replay_notes(const store::ServerLayout& layout, const RecoveryFacts& facts,
                              const RecoveryPlan& plan);

/// Makes them part of the plan: the settings that replay demands, and the tablespaces that it creates. Where
/// a tablespace is created is in the WAL and cannot be led elsewhere: replay replaces a link that is there
/// (tried with 13, 15 and 18), and takes the directory for its own, with whatever is in it. Throws Refused
/// when one was asked to go elsewhere, and when replay does not come to the restore point or the transaction
/// that is the target. WAL after that is not placed. `backups` may know a tablespace's name.
void add_replay_notes(const ReplayNotes& notes, std::span<const store::BackupRecord> backups,
                      RecoveryPlan& plan);

/// For when its place cannot be used: that replay needs it, and what else can be done.
std::string why_created(const CreatedTablespace& created);

}  // namespace pgkeep::recover
