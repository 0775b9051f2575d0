#include "server/wal_facts.h"

#include <algorithm>
#include <utility>

namespace pgkeep::server {
namespace {

/// Appends the bytes of a partial to the range that it continues, or as a range of its own.
void add_partial(std::vector<catalog::WalRange>& ranges, const postgres::WalSegment& segment,
                 postgres::Lsn begin, postgres::Lsn end) {
  for (auto& range : ranges) {
    if (range.timeline != segment.timeline || range.end != begin) continue;
    range.end = end;
    return;
  }
  if (end > begin) ranges.push_back({segment.timeline, begin, end});
}

std::vector<WalHole> holes_between(const std::vector<catalog::WalRange>& ranges) {
  std::vector<WalHole> holes;
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    const auto& before = ranges[i - 1];
    if (before.timeline == ranges[i].timeline)
      holes.push_back({before.timeline, before.end, ranges[i].begin});
  }
  return holes;
}

}  // namespace

WalFacts read_wal_facts(const catalog::WalArchive& archive) {
  const auto size = archive.identity().wal_segment_size;
  const auto inventory = archive.inventory();
  WalFacts facts;
  facts.segments = inventory.segments.size();
  facts.ranges = inventory.ranges(size);
  if (!inventory.segments.empty()) facts.newest_segment = inventory.segments.back();
  for (const auto& partial : inventory.partials) {
    // One that has just been archived may still be there.
    if (!std::ranges::binary_search(inventory.segments, partial))
      add_partial(facts.ranges, partial, partial.begin(size), archive.partial_end(partial));
  }
  if (!inventory.partials.empty()) facts.partial = inventory.partials.back();
  std::ranges::sort(facts.ranges, {},
                    [](const auto& range) { return std::pair(range.timeline, range.begin); });
  facts.holes = holes_between(facts.ranges);
  if (!facts.ranges.empty()) facts.received = {facts.ranges.back().timeline, facts.ranges.back().end};
  facts.receiver = io::FileLock::holder(archive.layout().receiver_lock());
  return facts;
}

std::optional<postgres::Lsn> first_missing(const WalFacts& wal, const postgres::TimelineHistory& line,
                                           const postgres::WalPosition& from) {
  if (!wal.received || !line.contains(from)) return std::nullopt;
  auto at = from.lsn;
  for (bool goes_on = true; goes_on && at < wal.received->lsn;) {
    goes_on = false;
    for (const auto& range : wal.ranges) {
      if (!line.contains(range.timeline) || range.begin > at) continue;
      const auto end = std::min(range.end, line.end_of(range.timeline).value_or(range.end));
      if (end <= at) continue;
      at = end;
      goes_on = true;
    }
  }
  return at < wal.received->lsn ? std::optional(at) : std::nullopt;
}

std::optional<postgres::Lsn> hole_behind(const catalog::WalArchive& archive, const WalFacts& wal,
                                         const store::BackupRecord& backup) {
  const auto line = wal.received ? archive.history(wal.received->timeline) : std::nullopt;
  return line ? first_missing(wal, *line, backup.start) : std::nullopt;
}

std::optional<std::uint64_t> wal_lag(const WalFacts& wal, postgres::Lsn current) {
  if (!wal.received) return std::nullopt;
  return current > wal.received->lsn ? current - wal.received->lsn : 0;
}

}  // namespace pgkeep::server
