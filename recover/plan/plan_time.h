#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "recover/plan/plan.h"
#include "recover/plan/wal_line.h"

namespace pgkeep::recover {

/// Where recovery to a time stops, as far as the times of the commits tell it.
struct FoundTime {
  std::optional<std::uint64_t> segment;  // number of the one with the first commit past the target
  std::optional<io::TimePoint> latest;   // commit of all that is held; says something when `segment` is not
  bool known = true;                     // of all segments before that one, or of all
};

/// True when recovery to this time stops at a commit or abort of that time, as PostgreSQL does: past the
/// target, or at it when the target is exclusive.
bool stops_at(const RecoveryTarget& target, io::TimePoint commit);

/// `target` is a TargetTime. Commit times do not rise from record to record, so a segment counts by its
/// latest.
FoundTime find_time(const RecoveryTarget& target, const WalLine& wal, const RecoveryFacts& facts);

/// "2026-11-20 02:00:00.123456 UTC": a target is compared to the microsecond.
std::string format_moment(io::TimePoint time);

}  // namespace pgkeep::recover
