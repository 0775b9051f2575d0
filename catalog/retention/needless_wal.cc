#include "catalog/retention/needless_wal.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>

namespace pgkeep::catalog {
namespace {

std::set<postgres::TimelineId> timelines_with_wal(const HeldWal& held) {
  std::set<postgres::TimelineId> timelines;
  for (const auto& segment : held.names().segments) timelines.insert(segment.timeline);
  for (const auto& [segment, received] : held.received()) timelines.insert(segment.timeline);
  return timelines;
}

bool knows_histories(const WalInventory& names, std::set<postgres::TimelineId> timelines,
                     std::span<const postgres::WalPosition> starts) {
  for (const auto& start : starts) timelines.insert(start.timeline);
  return std::ranges::all_of(timelines, [&](postgres::TimelineId timeline) {
    return timeline == postgres::TimelineId(1) || names.histories.contains(timeline);
  });
}

/// The number of the first segment that a recovery along the line reads; nothing: none is possible.
std::optional<std::uint64_t> first_needed(const HeldLine& along,
                                          std::span<const postgres::WalPosition> starts,
                                          postgres::WalSegmentSize size) {
  std::optional<std::uint64_t> first;
  for (const auto& start : starts) {
    if (!along.line().contains(start)) continue;
    const auto number = postgres::WalSegment::holding(start, size).number;
    first = std::min(first.value_or(number), number);
  }
  return first;
}

}  // namespace

NeedlessWal needless_wal(const HeldWal& held, std::span<const postgres::WalPosition> starts) {
  const auto& names = held.names();
  const auto newest = names.newest_timeline();
  const auto timelines = timelines_with_wal(held);
  if (!names.damaged_histories.empty() || !knows_histories(names, timelines, starts)) return {};
  std::set<postgres::WalSegment> archived;
  std::set<postgres::WalSegment> received;
  std::uint64_t first_of_newest = 0;
  for (const auto timeline : timelines) {
    const auto along = held.along(names.line_of(timeline));
    auto first = first_needed(along, starts, held.segment_size());
    if (timeline == newest) first = first_of_newest = first.value_or(0);
    if (!first) continue;
    for (const auto& file : along.files())
      if (file.segment.number >= *first) (file.partial ? received : archived).insert(file.segment);
  }
  NeedlessWal needless;
  std::ranges::set_difference(names.segments, archived, std::back_inserter(needless.segments));
  for (const auto& [segment, how_far] : held.received())
    if (!received.contains(segment) && (segment.timeline != newest || segment.number < first_of_newest))
      needless.partials.push_back(segment);
  return needless;
}

}  // namespace pgkeep::catalog
