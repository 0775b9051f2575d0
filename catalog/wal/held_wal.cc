#include "catalog/wal/held_wal.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "catalog/wal/held_wal_look.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;

HeldFile archived_file(const WalSegment& segment, postgres::WalSegmentSize size) {
  return {.segment = segment, .partial = false, .end = segment.end(size)};
}

/// The files that a line may have between two positions.
template <typename Visit>
void for_each_file(const TimelineHistory& line, Lsn begin, Lsn end, postgres::WalSegmentSize size,
                   Visit&& visit) {
  for (auto number = begin.value() / size.bytes(); number * size.bytes() < end.value(); ++number) {
    for (const auto& ancestor : line.ancestors()) visit(WalSegment{ancestor.timeline, number});
    visit(WalSegment{line.timeline(), number});
  }
}

}  // namespace

HeldWal HeldWal::read(const WalArchive& archive) {
  WalLook look(archive);
  look.at_all();
  return {std::move(look.names), std::move(look.partials), archive.identity().wal_segment_size};
}

HeldWal HeldWal::read_between(const WalArchive& archive, const TimelineHistory& line, Lsn begin, Lsn end) {
  WalLook look(archive);
  for_each_file(line, begin, end, archive.identity().wal_segment_size,
                [&](const WalSegment& segment) { look.at(segment); });
  return {std::move(look.names), std::move(look.partials), archive.identity().wal_segment_size};
}

HeldWal HeldWal::read_archived_between(const WalArchive& archive, const TimelineHistory& line, Lsn begin,
                                       Lsn end) {
  WalInventory names;
  for_each_file(line, begin, end, archive.identity().wal_segment_size, [&](const WalSegment& segment) {
    if (archive.has(segment)) names.segments.insert(segment);
  });
  return {std::move(names), {}, archive.identity().wal_segment_size};
}

HeldWal::HeldWal(WalInventory names, std::map<WalSegment, ReceivedWal> received,
                 postgres::WalSegmentSize size)
    : names_(std::move(names)), received_(std::move(received)), size_(size) {
  std::erase_if(received_, [&](const auto& partial) { return names_.segments.contains(partial.first); });
  names_.partials = {};
  for (const auto& [segment, end] : received_) names_.partials.insert(segment);
}

std::optional<HeldFile> HeldWal::file_of(const WalSegment& segment) const {
  if (names_.segments.contains(segment)) return archived_file(segment, size_);
  const auto partial = received_.find(segment);
  return partial == received_.end() ? std::nullopt : std::optional(partial_file(segment, partial->second));
}

/// One that ends with a WAL switch counts to the segment's end once there is WAL after it. Until then the
/// server may not have come there, and the zeroes between are not received.
HeldFile HeldWal::partial_file(const WalSegment& segment, const ReceivedWal& received) const {
  return {.segment = segment,
          .partial = true,
          .end = received.whole && has(segment.next()) ? segment.end(size_) : received.end};
}

bool HeldWal::has_all_of(const WalSegment& segment) const {
  const auto file = file_of(segment);
  return file && file->end == segment.end(size_);
}

HeldLine HeldWal::along(const TimelineHistory& line) const {
  std::vector<HeldFile> partials;
  for (const auto& [segment, received] : received_) partials.push_back(partial_file(segment, received));
  return {line, names_.segments, partials, size_};
}

std::optional<HeldLine> HeldWal::along_newest() const {
  const auto newest = names_.newest_timeline();
  return newest ? std::optional(along(names_.line_of(*newest))) : std::nullopt;
}

std::vector<WalRange> HeldWal::ranges() const {
  auto pieces = names_.ranges(size_);
  for (const auto& [segment, received] : received_) {
    const auto end = partial_file(segment, received).end;
    if (end > segment.begin(size_)) pieces.push_back({segment.timeline, segment.begin(size_), end});
  }
  std::ranges::sort(pieces, {}, [](const WalRange& range) { return std::tie(range.timeline, range.begin); });
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

std::vector<WalJoint> HeldWal::joints() const {
  const auto held = ranges();
  const auto has_wal = [&](TimelineId timeline) {
    return std::ranges::find(held, timeline, &WalRange::timeline) != held.end();
  };
  std::vector<WalJoint> joints;
  for (const auto& [timeline, line] : names_.histories) {
    if (!has_wal(timeline)) continue;
    auto ancestors = line.ancestors();
    std::ranges::reverse(ancestors);
    const auto parent = std::ranges::find_if(ancestors, has_wal, &TimelineHistory::Ancestor::timeline);
    if (parent != ancestors.end()) joints.push_back({parent->timeline, timeline, parent->end});
  }
  return joints;
}

std::optional<HeldFile> HeldWal::last_of(TimelineId timeline) const {
  std::optional<WalSegment> last;
  for (const auto* names : {&names_.segments, &names_.partials})
    if (const auto runs = names->runs_of(timeline); !runs.empty())
      last = std::max(last, std::optional(WalSegment{timeline, runs.back().last}));
  return last ? file_of(*last) : std::nullopt;
}

bool HeldWal::is_followed(const WalSegment& segment) const {
  const auto follows = [&](const SegmentRun& other) {
    if (other.last <= segment.number) return false;
    if (other.timeline == segment.timeline) return true;
    const auto history = names_.histories.find(other.timeline);
    if (history == names_.histories.end()) return false;
    const auto left = history->second.end_of(segment.timeline);
    return left && *left >= segment.end(size_);
  };
  return std::ranges::any_of(names_.segments.runs(), follows) ||
         std::ranges::any_of(names_.partials.runs(), follows);
}

std::optional<HeldFile> HeldWal::file_for(const WalSegment& segment) const {
  auto own = file_of(segment);
  if ((own && !own->partial) || is_followed(segment)) return own;
  const auto history = names_.histories.find(segment.timeline);
  if (history != names_.histories.end() && segment.end(size_) > history->second.begin()) {
    const auto line = along(history->second);
    const auto furthest = line.furthest(segment.number);
    if (furthest && furthest->segment != segment) return furthest;
  }
  if (own) {
    const auto end = undoubted_end(segment);
    own->cut = end < own->end;
    own->end = std::min(own->end, end);
  }
  return own;
}

/// Before the first place where a timeline left this one in the segment, if it has WAL but not this segment.
/// A history that was only pushed, by a copy of the server that was promoted, say, takes nothing away from
/// what the server sent.
Lsn HeldWal::undoubted_end(const WalSegment& segment) const {
  auto end = segment.end(size_);
  for (const auto& [timeline, history] : names_.histories) {
    const auto left = history.end_of(segment.timeline);
    if (!left || *left <= segment.begin(size_) || *left >= end) continue;
    if (!file_of({timeline, segment.number}) && names_.is_borne_out(timeline)) end = *left;
  }
  return end;
}

}  // namespace pgkeep::catalog
