#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "catalog/records/event_journal.h"

namespace pgkeep::catalog {

/// The gaps of one line of timelines that were found to be lost, or that retention made (EventKind::removed),
/// as recorded. A gap begins where the bytes of a partial ended, but what counts is the segment: nothing of
/// it comes any more. Something of a gap may be held all the same, when it was pushed later, or has not been
/// removed yet. Borrows the events.
class LostGaps {
 public:
  LostGaps(const postgres::TimelineHistory& line, std::span<const Event> events,
           postgres::WalSegmentSize size);

  /// The newest about the byte at `position`; null when there is none.
  const Event* about(const postgres::WalPosition& position) const;
  /// The newest about any byte between the two, as it was recorded; null when there is none.
  const Event* newest_between(postgres::Lsn begin, postgres::Lsn end) const;
  /// Where a gap that continues from `reach`, or begins before it, comes to its end.
  std::optional<postgres::Lsn> reach_beyond(postgres::Lsn reach) const;
  /// Every place where another event may begin to apply.
  std::vector<postgres::Lsn> edges() const;
  /// The segment that a gap ends in, when all that is missing of segment `number` is lost.
  std::optional<std::uint64_t> segment_after(std::uint64_t number) const;

 private:
  struct LostGap {
    postgres::TimelineId timeline;
    postgres::Lsn begin;          // as recorded
    postgres::Lsn segment_begin;  // of the segment with that
    postgres::Lsn end;            // on the line
    const Event* event;
  };
  postgres::WalSegmentSize size_;
  std::vector<LostGap> gaps_;  // as recorded, the newest last
};

}  // namespace pgkeep::catalog
