#include "catalog/wal/wal_continuity.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <tuple>

#include "catalog/io/error.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using postgres::WalSegmentSize;

constexpr Lsn kNoEnd{~std::uint64_t{0}};

/// Where `line` left the timeline; kNoEnd for its last one.
Lsn end_on(const TimelineHistory& line, TimelineId timeline) {
  return line.end_of(timeline).value_or(kNoEnd);
}

Lsn begin_of_segment(Lsn lsn, WalSegmentSize size) {
  return WalSegment::holding({TimelineId(1), lsn}, size).begin(size);
}

/// True when some of the range is WAL of the line.
bool is_on(const TimelineHistory& line, const WalRange& range) {
  return line.contains(range.timeline) && range.begin < end_on(line, range.timeline);
}

/// Neighbours of one timeline joined; sorted by timeline and position.
std::vector<WalRange> held_ranges(const WalInventory& wal, std::span<const PartialEnd> partial_ends,
                                  WalSegmentSize size) {
  auto pieces = wal.ranges(size);
  for (const auto& partial : partial_ends) {
    const auto begin = partial.segment.begin(size);
    const bool archived = std::ranges::binary_search(wal.segments, partial.segment);
    if (!archived && partial.end > begin) pieces.push_back({partial.segment.timeline, begin, partial.end});
  }
  std::ranges::sort(pieces, {}, [](const auto& range) { return std::tie(range.timeline, range.begin); });
  std::vector<WalRange> joined;
  for (const auto& piece : pieces) {
    if (!joined.empty() && joined.back().timeline == piece.timeline && joined.back().end == piece.begin) {
      joined.back().end = piece.end;
    } else {
      joined.push_back(piece);
    }
  }
  return joined;
}

std::vector<WalJoint> find_joints(const WalInventory& wal, std::span<const WalRange> ranges) {
  const auto has_wal = [&](TimelineId timeline) {
    return std::ranges::find(ranges, timeline, &WalRange::timeline) != ranges.end();
  };
  std::vector<WalJoint> joints;
  for (const auto& [timeline, line] : wal.histories) {
    if (!has_wal(timeline)) continue;
    auto ancestors = line.ancestors();
    std::ranges::reverse(ancestors);
    const auto parent = std::ranges::find_if(ancestors, has_wal, &TimelineHistory::Ancestor::timeline);
    if (parent != ancestors.end()) joints.push_back({parent->timeline, timeline, parent->end});
  }
  return joints;
}

struct Stretch {
  Lsn begin;
  Lsn end;
};

/// Which bytes of the line are held, whatever timeline's file has them: that of a later timeline begins with
/// a copy of what the earlier ones left in its first segment.
std::vector<Stretch> held_stretches(const TimelineHistory& line, std::span<const WalRange> ranges) {
  std::vector<Stretch> pieces;
  for (const auto& range : ranges) {
    if (is_on(line, range)) {
      pieces.push_back({range.begin, std::min(range.end, end_on(line, range.timeline))});
    }
  }
  std::ranges::sort(pieces, {}, &Stretch::begin);
  std::vector<Stretch> joined;
  for (const auto& piece : pieces) {
    if (!joined.empty() && piece.begin <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, piece.end);
    } else {
      joined.push_back(piece);
    }
  }
  return joined;
}

/// The gaps of a line that were found to be lost, as events. A gap begins where the bytes of a partial ended,
/// but what counts is the segment: nothing of it comes any more.
class LostGaps {
 public:
  LostGaps(const TimelineHistory& line, std::span<const Event> events, WalSegmentSize size) : size_(size) {
    for (const auto& event : events) {
      if (event.kind != EventKind::gap || !event.range || !is_on(line, *event.range)) continue;
      // Where the line left that timeline before the gap's end, the rest of it is another branch's.
      auto range = *event.range;
      range.end = std::min(range.end, end_on(line, range.timeline));
      gaps_.push_back({range, event});
    }
  }

  /// The newest about the byte at `position`.
  std::optional<Event> about(const postgres::WalPosition& position) const {
    std::optional<Event> found;
    for (const auto& [range, event] : gaps_) {
      if (range.timeline == position.timeline && begin(range) <= position.lsn && position.lsn < range.end) {
        found = event;
      }
    }
    return found;
  }
  /// Where a gap that goes on from `reach` or begins before it comes to its end.
  std::optional<Lsn> reach_beyond(Lsn reach) const {
    for (const auto& gap : gaps_) {
      if (begin(gap.range) <= reach && gap.range.end > reach) return gap.range.end;
    }
    return std::nullopt;
  }
  /// Every place where another event may begin to apply.
  std::vector<Lsn> edges() const {
    std::vector<Lsn> edges;
    for (const auto& gap : gaps_) {
      edges.push_back(begin(gap.range));
      edges.push_back(gap.range.end);
    }
    return edges;
  }
  /// The segment that a lost gap ends in, when all that is missing of segment `number` is lost.
  std::optional<std::uint64_t> segment_behind(std::uint64_t number) const {
    const WalSegment segment{TimelineId(1), number};
    for (const auto& [range, event] : gaps_) {
      if (range.begin < segment.end(size_) && range.end >= segment.end(size_))
        return range.end.value() / size_.bytes();
    }
    return std::nullopt;
  }

 private:
  Lsn begin(const WalRange& range) const { return begin_of_segment(range.begin, size_); }

  struct LostGap {
    WalRange range;  // the part of the event's that lies on the line
    Event event;
  };
  WalSegmentSize size_;
  std::vector<LostGap> gaps_;
};

/// A hole cut where the line changes its timeline, and where another event speaks of it.
void add_gaps(const Stretch& hole, const TimelineHistory& line, const LostGaps& lost,
              std::vector<WalGap>& gaps) {
  auto cuts = lost.edges();
  for (const auto& ancestor : line.ancestors()) cuts.push_back(ancestor.end);
  cuts.push_back(hole.end);
  std::erase_if(cuts, [&](Lsn cut) { return cut <= hole.begin || cut > hole.end; });
  std::ranges::sort(cuts);

  auto from = hole.begin;
  for (const auto cut : cuts) {
    if (cut == from) continue;
    const auto timeline = line.timeline_at(from);
    auto event = lost.about({timeline, from});
    if (!gaps.empty() && gaps.back().range.end == from && gaps.back().range.timeline == timeline &&
        gaps.back().event == event) {
      gaps.back().range.end = cut;
    } else {
      gaps.push_back({{timeline, from, cut}, std::move(event)});
    }
    from = cut;
  }
}

std::vector<WalGap> find_gaps(const TimelineHistory& line, std::span<const WalRange> ranges,
                              std::span<const Event> events, WalSegmentSize size) {
  const auto held = held_stretches(line, ranges);
  const LostGaps lost(line, events, size);
  std::vector<WalGap> gaps;
  for (std::size_t i = 1; i < held.size(); ++i) add_gaps({held[i - 1].end, held[i].begin}, line, lost, gaps);
  if (held.empty()) return gaps;
  // A gap that was found just now has nothing behind it yet.
  auto reach = held.back().end;
  while (const auto further = lost.reach_beyond(reach)) reach = *further;
  add_gaps({held.back().end, reach}, line, lost, gaps);
  return gaps;
}

/// What is held, but was written with wal_level = minimal, is as good as missing for a recovery.
void add_minimal_wal(const TimelineHistory& line, std::span<const Event> events, std::vector<WalGap>& gaps) {
  for (const auto& event : events) {
    if (event.kind == EventKind::minimal_wal && event.range && is_on(line, *event.range))
      gaps.push_back({*event.range, event});
  }
  std::ranges::sort(gaps, {}, [](const WalGap& gap) { return gap.range.begin; });
}

TimelineHistory known_line(const WalInventory& wal, TimelineId timeline) {
  const auto known = wal.histories.find(timeline);
  return known == wal.histories.end() ? TimelineHistory(timeline) : known->second;
}

/// The numbers of the segments that need not be received any more along a line. One of a timeline that was
/// left within it does not count: what follows there is in the next timeline's file.
std::vector<std::uint64_t> complete_numbers(const WalInventory& wal, const TimelineHistory& line,
                                            WalSegmentSize size) {
  std::vector<std::uint64_t> numbers;
  for (const auto& segment : wal.segments) {
    if (line.contains(segment.timeline) && segment.end(size) <= end_on(line, segment.timeline))
      numbers.push_back(segment.number);
  }
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

/// The oldest segment of which something is held along the line.
std::optional<std::uint64_t> oldest_number(const WalInventory& wal, const TimelineHistory& line,
                                           WalSegmentSize size) {
  std::optional<std::uint64_t> oldest;
  for (const auto* names : {&wal.segments, &wal.partials}) {
    for (const auto& segment : *names) {
      if (is_on(line, {segment.timeline, segment.begin(size), segment.end(size)}))
        oldest = std::min(oldest.value_or(segment.number), segment.number);
    }
  }
  return oldest;
}

/// On which timeline a segment has to be asked for. That of a partial, so that what is here of the timeline
/// comes to its end; but what is archived of one that was left in this segment is not received again.
TimelineId timeline_to_ask(const WalInventory& wal, const TimelineHistory& line, std::uint64_t number,
                           WalSegmentSize size) {
  const WalSegment segment{line.timeline(), number};
  auto timeline = line.timeline_at(segment.begin(size));
  while (const auto left = line.end_of(timeline)) {
    const bool left_inside = *left < segment.end(size);
    const bool archived = std::ranges::binary_search(wal.segments, WalSegment{timeline, number});
    if (!archived && !(left_inside && is_cut_short(line, timeline))) break;
    timeline = line.timeline_at(*left);
  }
  for (const auto& partial : wal.partials) {
    if (partial.number == number && line.contains(partial.timeline) &&
        !is_cut_short(line, partial.timeline) && partial.begin(size) < end_on(line, partial.timeline))
      timeline = std::max(timeline, partial.timeline);
  }
  return timeline;
}

/// That of a whole partial, behind a WAL switch as well, is the segment's: nothing more of it comes.
Lsn end_of_partial(const WalArchive& archive, const WalSegment& segment) {
  const auto size = archive.identity().wal_segment_size;
  try {
    const auto file = io::File::open_to_read(archive.layout().partial(segment, size));
    if (archive.came_whole(segment, file)) return segment.end(size);
  } catch (const StorageError& error) {
    if (error.cause() != ENOENT) throw;
    if (archive.has(segment)) return segment.end(size);  // it went there since it was listed
  }
  return archive.partial_end(segment);
}

}  // namespace

WalContinuity examine_continuity(const WalInventory& wal, std::span<const PartialEnd> partial_ends,
                                 WalSegmentSize size, std::span<const Event> events) {
  WalContinuity found;
  found.ranges = held_ranges(wal, partial_ends, size);
  found.joints = find_joints(wal, found.ranges);
  const auto newest = newest_timeline(wal);
  if (!newest) return found;
  const auto line = known_line(wal, *newest);
  found.gaps = find_gaps(line, found.ranges, events, size);
  add_minimal_wal(line, events, found.gaps);
  for (const auto& range : found.ranges)
    if (range.timeline == *newest) found.end = {*newest, range.end};
  return found;
}

WalContinuity read_continuity(const WalArchive& archive) {
  const auto wal = archive.inventory();
  std::vector<PartialEnd> ends;
  for (const auto& partial : wal.partials) ends.push_back({partial, end_of_partial(archive, partial)});
  const auto events = EventJournal(archive.layout()).read();
  return examine_continuity(wal, ends, archive.identity().wal_segment_size, events);
}

bool is_cut_short(const TimelineHistory& line, TimelineId timeline) {
  const auto& ancestors = line.ancestors();
  const auto own = std::ranges::find(ancestors, timeline, &TimelineHistory::Ancestor::timeline);
  if (own == ancestors.end()) return false;
  const auto next = std::next(own);
  return own->end != own->switch_point || (next != ancestors.end() && next->end == own->end);
}

std::optional<TimelineId> newest_timeline(const WalInventory& wal) {
  std::optional<TimelineId> newest;
  if (!wal.partials.empty()) newest = wal.partials.back().timeline;
  if (!wal.segments.empty()) newest = std::max(newest, std::optional(wal.segments.back().timeline));
  return newest;
}

bool is_borne_out(const WalInventory& wal, TimelineId timeline) {
  const auto stands_on_it = [&](const WalSegment& segment) {
    return segment.timeline == timeline || known_line(wal, segment.timeline).contains(timeline);
  };
  return std::ranges::any_of(wal.partials, stands_on_it) || std::ranges::any_of(wal.segments, stands_on_it);
}

WalSegment file_on(const TimelineHistory& line, std::uint64_t number, WalSegmentSize size) {
  const WalSegment segment{line.timeline(), number};
  return {line.timeline_at(Lsn(segment.end(size).value() - 1)), number};
}

std::optional<ResumePoint> find_resume_point(const WalInventory& wal, const TimelineHistory& line,
                                             WalSegmentSize size, std::span<const Event> events) {
  const auto oldest = oldest_number(wal, line, size);
  if (!oldest) return std::nullopt;
  const auto complete = complete_numbers(wal, line, size);
  const LostGaps lost(line, events, size);
  auto next = std::ranges::lower_bound(complete, *oldest);
  auto number = *oldest;
  for (;;) {
    for (; next != complete.end() && *next == number; ++next) ++number;
    const auto behind = lost.segment_behind(number);
    if (!behind) break;
    number = *behind;
    next = std::ranges::lower_bound(complete, number);
  }
  const auto timeline = timeline_to_ask(wal, line, number, size);
  ResumePoint point{{timeline, WalSegment{timeline, number}.begin(size)}, std::nullopt};
  if (next != complete.end()) point.until = WalSegment{timeline, *next}.begin(size);
  if (is_cut_short(line, timeline)) {
    const auto last = begin_of_segment(line.end_of(timeline).value(), size);
    point.until = std::min(point.until.value_or(last), last);
  }
  return point;
}

}  // namespace pgkeep::catalog
