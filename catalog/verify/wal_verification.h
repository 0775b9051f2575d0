#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "catalog/io/guarded.h"
#include "catalog/postgres/backup_label.h"
#include "catalog/postgres/control_file.h"
#include "catalog/verify/verification.h"

namespace pgkeep::catalog {

/// A segment that must be there for a backup to become consistent, and up to which position.
struct NeededSegment {
  postgres::WalSegment segment;
  postgres::Lsn until;
  bool operator==(const NeededSegment&) const = default;
};

/// The segments from the start to the end of a backup: those of its WAL ranges, and those along `line`, the
/// history of the timeline on which it ended. Sorted.
std::vector<NeededSegment> needed_wal(const store::BackupRecord& record,
                                      const postgres::TimelineHistory& line);

/// Checks the WAL part of verify_backup() with `jobs` threads, adding to `findings`. Returns how many
/// segments were read. `tick` is called from the calling thread with the bytes done and to do, and may throw
/// to stop.
std::uint64_t verify_wal(const store::ServerLayout& layout, const store::BackupRecord& record, Depth depth,
                         unsigned jobs, io::Guarded<std::vector<Finding>>& findings,
                         const std::function<void(std::uint64_t done, std::uint64_t total)>& tick);

/// The history of the timeline on which the backup ended, as it is held in `layout`. Nothing when it cannot
/// be known there: verify_wal() reports why.
std::optional<postgres::TimelineHistory> held_line(const store::ServerLayout& layout,
                                                   const store::BackupRecord& record);

/// Adds to `findings` why the held WAL is not of the backup's history (see checkpoint_problem()).
void verify_checkpoint(const store::ServerLayout& layout, const store::BackupRecord& record,
                       const postgres::BackupLabel& label, const postgres::ControlFile& control,
                       io::Guarded<std::vector<Finding>>& findings);

}  // namespace pgkeep::catalog
