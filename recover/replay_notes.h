#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/commit_times.h"
#include "recover/plan.h"

namespace pgkeep::recover {

/// What the WAL that a plan replays says about the way there, beside the data.
struct ReplayNotes {
  std::vector<postgres::WalParameters> parameters{};
  std::vector<postgres::TablespaceChange> tablespaces{};
  std::vector<std::string> unread{};  // names of segments that could not be read for it
  // For a restore point as target, when the WAL is placed beforehand:
  std::optional<postgres::Lsn> point{};                   // the first of that name on the way
  std::vector<postgres::WalPosition> points_elsewhere{};  // when there is none: those of other WAL
};

/// Of the segments in `plan.replayed`, as their headers have it. A segment that is still being received is
/// read, and all of them up to a restore point that is the target, which the headers do not have. Only what
/// replay comes to: from the backup's start up to the target, where its position is known, and on the line of
/// the plan's timeline.
ReplayNotes read_replay_notes(const store::ServerLayout& layout, const RecoveryFacts& facts,
                              const RecoveryPlan& plan);

/// Makes them part of the plan: the settings that replay demands, and the tablespaces that it creates. Where
/// a tablespace is created is in the WAL and cannot be led elsewhere: replay replaces a link that is there
/// (tried with 13, 15 and 18), and takes the directory for its own, with whatever is in it. Throws Refused
/// when one was asked to go elsewhere, and when replay does not come to the restore point that is the target.
/// WAL after that point is not placed. `backups` may know a tablespace's name.
void add_replay_notes(const ReplayNotes& notes, std::span<const store::BackupRecord> backups,
                      RecoveryPlan& plan);

/// For when its place cannot be used: that replay needs it, and what else can be done.
std::string why_created(const CreatedTablespace& created);

}  // namespace pgkeep::recover
