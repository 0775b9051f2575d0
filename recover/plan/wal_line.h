#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/postgres/timeline.h"
#include "recover/plan/plan.h"

namespace pgkeep::recover {

/// What the archive holds of one line of timelines from a position on, without a gap.
struct WalLine {
  std::vector<PlannedWal> files;  // in order of replay, as PlannedWal says
  postgres::WalPosition end;      // the first byte that is not there
  std::optional<postgres::WalSegment>
      missing;  // end is a gap: this segment is missing, and the line is known to continue after it
  const WalBarrier* barrier = nullptr;  // end is there; in the facts
  bool incomplete = false;  // there is a file of the segment that holds `end`, but it is not whole

  /// True when the last file is a segment still being received.
  bool ends_in_partial() const { return !files.empty() && files.back().partial; }
};

/// Follows `line` from the segment that holds `start`, up to a barrier after `start` at most.
WalLine follow_wal(const postgres::TimelineHistory& line, const RecoveryFacts& facts, postgres::Lsn start);

/// Whether the WAL ends there because retention let go of what follows.
bool is_let_go(const WalLine& wal, const RecoveryFacts& facts);

/// "WAL segment … is missing", or "… is incomplete", of the one where the WAL ends.
std::string describe_missing(const WalLine& wal, const RecoveryFacts& facts);

}  // namespace pgkeep::recover
