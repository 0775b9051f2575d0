#include "catalog/retention/needless_wal.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using postgres::WalSegment;

std::set<TimelineId> timelines_with_wal(const HeldWal& held) {
  std::set<TimelineId> timelines;
  for (const auto* names : {&held.names().segments, &held.names().partials})
    for (const auto& run : names->runs()) timelines.insert(run.timeline);
  return timelines;
}

bool knows_histories(const WalInventory& names, std::set<TimelineId> timelines,
                     std::span<const WalNeed> needs) {
  for (const auto& need : needs) {
    timelines.insert(need.start.timeline);
    timelines.insert(need.end.timeline);
  }
  return std::ranges::all_of(timelines, [&](TimelineId timeline) {
    return timeline == TimelineId(1) || names.histories.contains(timeline);
  });
}

/// The files that are needed, and from where on those of the newest timeline are.
class NeededFiles {
 public:
  NeededFiles(const HeldWal& held, std::span<const WalNeed> needs) : held_(&held) {
    const auto newest = held.names().newest_timeline();
    auto timelines = timelines_with_wal(held);
    for (const auto& need : needs) timelines.insert(need.end.timeline);
    std::vector<SegmentRun> archived;
    std::vector<WalSegment> partials;
    for (const auto timeline : timelines) {
      const auto along = held.along(held.names().line_of(timeline));
      auto first = first_onward(along, needs);
      if (timeline == newest) first = first_of_newest_ = first.value_or(0);
      const auto numbers = needed_of(timeline, first, needs);
      add_archived(along, numbers, archived);
      for (const auto& partial : along.partials())
        if (numbers.contains({kAny, partial.segment.number})) partials.push_back(partial.segment);
    }
    archived_ = SegmentSet(std::move(archived));
    partials_ = SegmentSet(partials);
  }

  const SegmentSet& archived() const noexcept { return archived_; }
  const SegmentSet& partials() const noexcept { return partials_; }
  std::uint64_t first_of_newest() const noexcept { return first_of_newest_; }

 private:
  /// The number of the first segment that a recovery along the line reads which goes on; nothing: none does.
  std::optional<std::uint64_t> first_onward(const HeldLine& along, std::span<const WalNeed> needs) const {
    std::optional<std::uint64_t> first;
    for (const auto& need : needs) {
      if (!along.line().contains(need.start) || !need.goes_on_along(along.line().timeline())) continue;
      const auto number = WalSegment::holding(need.start, held_->segment_size()).number;
      first = std::min(first.value_or(number), number);
    }
    return first;
  }

  /// The numbers of the segments that are needed along the line of a timeline: those from `onward` on, and
  /// those with which the backups of that timeline become consistent.
  SegmentSet needed_of(TimelineId timeline, std::optional<std::uint64_t> onward,
                       std::span<const WalNeed> needs) const {
    const auto size = held_->segment_size();
    std::vector<SegmentRun> numbers;
    if (onward) numbers.push_back({kAny, *onward, std::numeric_limits<std::uint64_t>::max()});
    for (const auto& need : needs) {
      const auto first = WalSegment::holding(need.start, size).number;
      const auto last = WalSegment::ending(need.end, size).number;
      if (need.end.timeline == timeline && first <= last) numbers.push_back({kAny, first, last});
    }
    return SegmentSet(std::move(numbers));
  }

  static void add_archived(const HeldLine& along, const SegmentSet& numbers,
                           std::vector<SegmentRun>& archived) {
    for (const auto& run : along.archived().runs())
      for (auto part = std::ranges::lower_bound(numbers.runs(), run.first, {}, &SegmentRun::last);
           part != numbers.runs().end() && part->first <= run.last; ++part)
        archived.push_back({run.timeline, std::max(run.first, part->first), std::min(run.last, part->last)});
  }

  static constexpr TimelineId kAny{1};  // in sets of numbers

  const HeldWal* held_;
  SegmentSet archived_;
  SegmentSet partials_;
  std::uint64_t first_of_newest_ = 0;
};

/// Numbers of the first and the last file that stays.
struct Staying {
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t last = 0;

  void add(const SegmentSet& files) {
    for (const auto& run : files.runs()) {
      first = std::min(first, run.first);
      last = std::max(last, run.last);
    }
  }
};

/// With those of the first and the last of these segments, of which the file of another timeline goes: one of
/// them may reach further than the one that stays.
std::vector<WalRange> ranges_between(const SegmentSet& files, const Staying& staying,
                                     postgres::WalSegmentSize size) {
  std::vector<WalRange> ranges;
  for (auto run : files.runs()) {
    run.first = std::max(run.first, staying.first);
    run.last = std::min(run.last, staying.last);
    if (run.first <= run.last) ranges.push_back(range_of(run, size));
  }
  return ranges;
}

}  // namespace

NeedlessWal needless_wal(const HeldWal& held, std::span<const WalNeed> needs) {
  const auto& names = held.names();
  if (!names.damaged_histories.empty() || !knows_histories(names, timelines_with_wal(held), needs)) return {};
  const NeededFiles needed(held, needs);
  NeedlessWal needless{.segments = names.segments.without(needed.archived()), .partials = {}};
  for (const auto& segment : names.partials) {
    const bool is_received =
        segment.timeline == names.newest_timeline() && segment.number >= needed.first_of_newest();
    if (!is_received && !needed.partials().contains(segment)) needless.partials.insert(segment);
  }
  Staying staying;
  staying.add(names.segments.without(needless.segments));
  staying.add(names.partials.without(needless.partials));
  needless.between = ranges_between(needless.segments.with(needless.partials), staying, held.segment_size());
  return needless;
}

NeedlessWal all_wal(const HeldWal& held) {
  return {.segments = held.names().segments, .partials = held.names().partials};
}

}  // namespace pgkeep::catalog
