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
    for (const auto timeline : timelines) {
      const auto along = held.along(held.names().line_of(timeline));
      auto first = first_onward(along, needs);
      if (timeline == newest) first = first_of_newest_ = first.value_or(0);
      if (first) add(along, *first, std::numeric_limits<std::uint64_t>::max());
      for (const auto& need : needs)
        if (need.end.timeline == timeline) add_until_consistent(along, need);
    }
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

  void add_until_consistent(const HeldLine& along, const WalNeed& need) {
    const auto size = held_->segment_size();
    add(along, WalSegment::holding(need.start, size).number, WalSegment::ending(need.end, size).number);
  }

  void add(const HeldLine& along, std::uint64_t first, std::uint64_t last) {
    for (auto run : along.archived().runs()) {
      run.first = std::max(run.first, first);
      run.last = std::min(run.last, last);
      if (run.first <= run.last) archived_.insert(run);
    }
    for (const auto& partial : along.partials())
      if (first <= partial.segment.number && partial.segment.number <= last) partials_.insert(partial.segment);
  }

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
  auto gone = needless.segments;
  for (const auto& run : needless.partials.runs()) gone.insert(run);
  needless.between = ranges_between(gone, staying, held.segment_size());
  return needless;
}

NeedlessWal all_wal(const HeldWal& held) {
  return {.segments = held.names().segments, .partials = held.names().partials};
}

}  // namespace pgkeep::catalog
