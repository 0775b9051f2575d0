#pragma once

#include <optional>
#include <set>
#include <span>
#include <vector>

#include "catalog/wal/held_wal.h"

namespace pgkeep::catalog {

/// What a backup needs of the WAL of its line: what makes it consistent, and what recoveries go over that
/// begin at it and go on.
struct WalNeed {
  postgres::WalPosition start;
  postgres::WalPosition end;
  /// The timelines along whose lines all WAL from `start` on is needed; nothing: whatever timeline a recovery
  /// goes along.
  std::optional<std::set<postgres::TimelineId>> onward{};

  bool goes_on_along(postgres::TimelineId timeline) const { return !onward || onward->contains(timeline); }
};

/// WAL to which no recovery comes.
struct NeedlessWal {
  SegmentSet segments;  // archived
  /// Of timelines that were left, and from before a gap; beside what is needed they would look like the begin
  /// of a gap. None of them is received any more.
  SegmentSet partials;
  /// Of all that, what lies between WAL that stays: without an event (EventKind::removed) it would pass for
  /// WAL that was lost, and be asked for again. By timeline and position.
  std::vector<WalRange> between{};

  bool empty() const noexcept { return segments.empty() && partials.empty(); }
};

/// That which none of `needs` needs. Pure.
///
/// As long as none of them goes on along the line of the newest timeline, all WAL of that line is needed: its
/// first backup may be on its way. While a history is damaged or missing nothing is needless, since nobody
/// can say which lines its timeline belongs to.
NeedlessWal needless_wal(const HeldWal& held, std::span<const WalNeed> needs);

/// All there is: of a line that was set aside and whose backups have all gone. Pure.
NeedlessWal all_wal(const HeldWal& held);

}  // namespace pgkeep::catalog
