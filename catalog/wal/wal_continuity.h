#pragma once

#include <optional>
#include <vector>

#include "catalog/wal/held_wal.h"

namespace pgkeep::catalog {

/// Which stretches of WAL are held without a hole, from the names in the archive alone. Pure data.
struct WalContinuity {
  std::vector<WalRange> ranges;  // by timeline and position; complete segments, and the partials behind them
  std::vector<WalJoint> joints;  // between timelines that have WAL here
  std::vector<WalGap> gaps;      // along the line of the newest timeline and its ancestors
  std::optional<postgres::WalPosition> end;  // of what is held along that line
};
WalContinuity read_continuity(const WalArchive& archive);

inline std::optional<postgres::TimelineId> newest_timeline(const WalInventory& wal) {
  return wal.newest_timeline();
}
inline bool is_borne_out(const WalInventory& wal, postgres::TimelineId timeline) {
  return wal.is_borne_out(timeline);
}

}  // namespace pgkeep::catalog
