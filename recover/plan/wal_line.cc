#include "recover/plan/wal_line.h"

#include <algorithm>
#include <map>

#include "catalog/wal/wal_continuity.h"

namespace pgkeep::recover {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::WalSegment;

/// The end of what is held is known but for zeroes at its end, and a timeline may be left after a page
/// header.
constexpr std::uint64_t kUnknownTailBytes = 8192;

/// A file of a segment, and up to where its bytes are those of the line.
struct Candidate {
  PlannedWal file;
  Lsn end;
};
using Candidates = std::map<std::uint64_t, std::vector<Candidate>>;  // by number; timelines rise

/// Adds the file unless it has nothing of the line.
void add(Candidates& candidates, const TimelineHistory& line, postgres::WalSegmentSize size, PlannedWal file,
         Lsn end) {
  const auto& segment = file.segment;
  if (!line.contains(segment.timeline)) return;
  const auto left = line.end_of(segment.timeline);
  if (left) end = std::min(end, *left);
  if (end <= segment.begin(size)) return;
  candidates[segment.number].push_back({file, end});
}

Candidates files_of_line(const TimelineHistory& line, const RecoveryFacts& facts,
                         std::uint64_t first_number) {
  const auto size = facts.wal_segment_size;
  Candidates candidates;
  for (const auto& segment : facts.wal.segments) {
    if (segment.number >= first_number) add(candidates, line, size, {segment, false}, segment.end(size));
  }
  for (const auto& segment : facts.wal.partials) {
    const auto end = facts.partial_ends.find(segment);
    if (segment.number < first_number || end == facts.partial_ends.end()) continue;
    if (std::ranges::binary_search(facts.wal.segments, segment)) continue;  // archived a moment ago
    add(candidates, line, size, {segment, true}, end->second);
  }
  for (auto& [number, files] : candidates) {
    std::ranges::sort(files, {}, [](const Candidate& c) { return c.file.segment.timeline; });
  }
  return candidates;
}

/// The line went at least so far: servers left it there whose WAL is here, or WAL of it was lost up to there,
/// after which nothing came yet.
Lsn known_end(const TimelineHistory& line, const RecoveryFacts& facts) {
  Lsn end;
  for (const auto& lost : facts.lost) {
    if (line.contains(lost.timeline))
      end = std::max(end, std::min(lost.end, line.end_of(lost.timeline).value_or(lost.end)));
  }
  for (const auto& [timeline, history] : facts.wal.histories) {
    const auto left = history.switch_point_of(line.timeline());
    if (left && catalog::is_borne_out(facts.wal, timeline)) end = std::max(end, *left);
  }
  return end;
}

/// The first one on the line after `start`; null when there is none.
const WalBarrier* first_barrier(const TimelineHistory& line, const RecoveryFacts& facts, Lsn start) {
  const WalBarrier* first = nullptr;
  for (const auto& barrier : facts.barriers) {
    if (!line.contains(barrier.at) || barrier.at.lsn < start) continue;
    if (first == nullptr || barrier.at.lsn < first->at.lsn) first = &barrier;
  }
  return first;
}

}  // namespace

WalLine follow_wal(const TimelineHistory& line, const RecoveryFacts& facts, Lsn start) {
  const auto size = facts.wal_segment_size;
  auto number = start.value() / size.bytes();
  const auto candidates = files_of_line(line, facts, number);
  const auto* barrier = first_barrier(line, facts, start);

  WalLine found;
  found.end.lsn = Lsn(number * size.bytes());
  for (auto at = candidates.begin(); at != candidates.end() && at->first == number; ++at, ++number) {
    // PostgreSQL opens the newest timeline's file. One that has less than an older one (its copy of the
    // ancestor's bytes had not arrived yet) must not stand in the way.
    const auto best = std::ranges::max_element(at->second, [](const Candidate& a, const Candidate& b) {
      return a.end < b.end || (a.end == b.end && a.file.segment.timeline < b.file.segment.timeline);
    });
    for (auto file = at->second.begin(); file <= best; ++file) found.files.push_back(file->file);
    const auto& newest = best->file.segment;
    if (const auto left = line.end_of(newest.timeline); left && *left < newest.end(size))
      found.files.back().fork = left;
    found.end.lsn = best->end;
    if (best->end < Lsn((number + 1) * size.bytes())) break;
    if (barrier != nullptr && barrier->at.lsn < best->end) break;
  }
  if (barrier != nullptr && barrier->at.lsn <= found.end.lsn) {
    found.end = barrier->at;
    found.barrier = barrier;
    return found;
  }
  found.end.timeline = line.timeline_at(found.end.lsn);

  const auto missing = WalSegment::holding(found.end, size);
  const bool more_behind = candidates.upper_bound(missing.number) != candidates.end();
  if (more_behind || known_end(line, facts) > found.end.lsn + kUnknownTailBytes) found.missing = missing;
  found.incomplete = candidates.contains(missing.number);
  return found;
}

}  // namespace pgkeep::recover
