#include "catalog/wal/lost_gaps.h"

#include <algorithm>

namespace pgkeep::catalog {

using postgres::Lsn;

LostGaps::LostGaps(const postgres::TimelineHistory& line, std::span<const Event> events,
                   postgres::WalSegmentSize size)
    : size_(size) {
  for (const auto& event : events) {
    const bool is_gap = event.kind == EventKind::gap || event.kind == EventKind::removed;
    if (!is_gap || !event.range || !line.contains(event.range->timeline)) continue;
    const auto& range = *event.range;
    // Where the line left that timeline before the gap's end, the rest of it is another branch's.
    const auto end = std::min(range.end, line.end_of(range.timeline).value_or(range.end));
    const Lsn segment_begin(range.begin.value() - range.begin.value() % size.bytes());
    if (range.begin < end) gaps_.push_back({range.timeline, range.begin, segment_begin, end, &event});
  }
}

const Event* LostGaps::about(const postgres::WalPosition& position) const {
  const auto found = std::find_if(gaps_.rbegin(), gaps_.rend(), [&](const LostGap& gap) {
    return gap.timeline == position.timeline && gap.segment_begin <= position.lsn && position.lsn < gap.end;
  });
  return found == gaps_.rend() ? nullptr : found->event;
}

const Event* LostGaps::newest_between(Lsn begin, Lsn end) const {
  const auto found = std::find_if(gaps_.rbegin(), gaps_.rend(),
                                  [&](const LostGap& gap) { return gap.begin < end && gap.end > begin; });
  return found == gaps_.rend() ? nullptr : found->event;
}

std::optional<Lsn> LostGaps::reach_beyond(Lsn reach) const {
  for (const auto& gap : gaps_)
    if (gap.segment_begin <= reach && gap.end > reach) return gap.end;
  return std::nullopt;
}

std::vector<Lsn> LostGaps::edges() const {
  std::vector<Lsn> edges;
  for (const auto& gap : gaps_) {
    edges.push_back(gap.segment_begin);
    edges.push_back(gap.end);
  }
  return edges;
}

std::optional<std::uint64_t> LostGaps::segment_after(std::uint64_t number) const {
  const auto segment_end = postgres::WalSegment{postgres::TimelineId(1), number}.end(size_);
  for (const auto& gap : gaps_)
    if (gap.begin < segment_end && gap.end >= segment_end) return gap.end.value() / size_.bytes();
  return std::nullopt;
}

}  // namespace pgkeep::catalog
