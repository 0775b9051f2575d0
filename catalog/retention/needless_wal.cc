#include "catalog/retention/needless_wal.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using postgres::WalSegment;

std::set<TimelineId> timelines_with_wal(const HeldWal& held) {
  std::set<TimelineId> timelines;
  for (const auto& segment : held.names().segments) timelines.insert(segment.timeline);
  for (const auto& [segment, received] : held.received()) timelines.insert(segment.timeline);
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

  bool has(const WalSegment& segment) const { return files_.contains(segment); }
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
    const auto number_of = [](const HeldFile& file) { return file.segment.number; };
    for (auto file = std::ranges::lower_bound(along.files(), first, {}, number_of);
         file != along.files().end() && file->segment.number <= last; ++file)
      files_.insert(file->segment);
  }

  const HeldWal* held_;
  std::set<WalSegment> files_;
  std::uint64_t first_of_newest_ = 0;
};

/// Numbers of the first and the last file that stays.
struct Staying {
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t last = 0;

  void add(const WalSegment& segment) {
    first = std::min(first, segment.number);
    last = std::max(last, segment.number);
  }
};

/// With those of the first and the last of these segments, of which the file of another timeline goes: one of
/// them may reach further than the one that stays.
std::vector<WalRange> ranges_between(std::vector<WalSegment> files, const Staying& staying,
                                     postgres::WalSegmentSize size) {
  std::erase_if(files, [&](const WalSegment& file) {
    return file.number < staying.first || file.number > staying.last;
  });
  std::ranges::sort(files);
  std::vector<WalRange> ranges;
  for (const auto& file : files) {
    if (!ranges.empty() && ranges.back().timeline == file.timeline && ranges.back().end == file.begin(size))
      ranges.back().end = file.end(size);
    else
      ranges.push_back({file.timeline, file.begin(size), file.end(size)});
  }
  return ranges;
}

}  // namespace

NeedlessWal needless_wal(const HeldWal& held, std::span<const WalNeed> needs) {
  const auto& names = held.names();
  if (!names.damaged_histories.empty() || !knows_histories(names, timelines_with_wal(held), needs)) return {};
  const NeededFiles needed(held, needs);
  NeedlessWal needless;
  Staying staying;
  for (const auto& segment : names.segments) {
    if (needed.has(segment))
      staying.add(segment);
    else
      needless.segments.push_back(segment);
  }
  for (const auto& [segment, how_far] : held.received()) {
    const bool is_received =
        segment.timeline == names.newest_timeline() && segment.number >= needed.first_of_newest();
    if (is_received || needed.has(segment))
      staying.add(segment);
    else
      needless.partials.push_back(segment);
  }
  auto gone = needless.segments;
  std::ranges::copy(needless.partials, std::back_inserter(gone));
  needless.between = ranges_between(std::move(gone), staying, held.segment_size());
  return needless;
}

NeedlessWal all_wal(const HeldWal& held) {
  NeedlessWal all;
  all.segments = held.names().segments;
  for (const auto& [segment, how_far] : held.received()) all.partials.push_back(segment);
  return all;
}

}  // namespace pgkeep::catalog
