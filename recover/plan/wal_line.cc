#include "recover/plan/wal_line.h"

#include <algorithm>

#include <fmt/format.h>

namespace pgkeep::recover {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::WalSegment;

/// The end of what is held is known but for zeroes at its end, and a timeline may be left after a page
/// header.
constexpr std::uint64_t kUnknownTailBytes = 8192;

/// The line went at least so far: servers left it there whose WAL is here, or WAL of it was lost, or let go,
/// up to there, after which nothing came yet.
Lsn known_end(const TimelineHistory& line, const RecoveryFacts& facts) {
  Lsn end;
  for (const auto* gone : {&facts.lost, &facts.removed}) {
    for (const auto& range : *gone)
      if (line.contains(range.timeline))
        end = std::max(end, std::min(range.end, line.end_of(range.timeline).value_or(range.end)));
  }
  for (const auto& [timeline, history] : facts.wal.names().histories) {
    const auto left = history.switch_point_of(line.timeline());
    if (left && facts.wal.names().is_borne_out(timeline)) end = std::max(end, *left);
  }
  return end;
}

/// The first one on the line after `start`; null when there is none.
const WalBarrier* first_barrier(const TimelineHistory& line, const RecoveryFacts& facts, Lsn start) {
  const WalBarrier* first = nullptr;
  for (const auto& barrier : facts.barriers) {
    // One where the line left the timeline is not of the line any more.
    const auto& [timeline, lsn] = barrier.at;
    if (lsn < start || !line.contains(timeline) || lsn >= line.end_of(timeline).value_or(lsn + 1)) continue;
    if (first == nullptr || barrier.at.lsn < first->at.lsn) first = &barrier;
  }
  return first;
}

/// Adds the files from segment `number` on, up to the first that is missing or is not held to its end, or
/// that has the barrier.
void add_files(const catalog::HeldLine& held, std::uint64_t number, const WalBarrier* barrier,
               postgres::WalSegmentSize size, WalLine& found) {
  const auto is_stopped = [&] { return barrier != nullptr && barrier->at.lsn < found.end.lsn; };
  while (!is_stopped()) {
    if (auto run = held.alone_from(number)) {
      if (barrier != nullptr)
        run->last = std::clamp(barrier->at.lsn.value() / size.bytes(), number, run->last);
      for (; number <= run->last; ++number) found.files.push_back({{run->timeline, number}, false});
      found.end.lsn = Lsn(number * size.bytes());
      continue;
    }
    const auto last = held.furthest(number);
    if (!last) return;
    // PostgreSQL opens the newest timeline's file. One that has less than an older one (its copy of the
    // ancestor's bytes had not arrived yet) must not stand in the way.
    for (const auto& file : held.files(number))
      if (file.segment <= last->segment) found.files.push_back({file.segment, file.partial});
    const auto segment_end = last->segment.end(size);
    if (const auto left = held.line().end_of(last->segment.timeline); left && *left < segment_end)
      found.files.back().fork = left;
    found.end.lsn = last->end;
    if (last->end < segment_end) return;
    ++number;
  }
}

}  // namespace

WalLine follow_wal(const TimelineHistory& line, const RecoveryFacts& facts, Lsn start) {
  const auto size = facts.wal.segment_size();
  const auto number = start.value() / size.bytes();
  const auto held = facts.wal.along(line);
  const auto* barrier = first_barrier(line, facts, start);

  WalLine found;
  found.end.lsn = Lsn(number * size.bytes());
  add_files(held, number, barrier, size, found);
  if (barrier != nullptr && barrier->at.lsn <= found.end.lsn) {
    found.end = barrier->at;
    found.barrier = barrier;
    return found;
  }
  found.end.timeline = line.timeline_at(found.end.lsn);

  const auto missing = WalSegment::holding(found.end, size);
  const bool more_after = held.last_number() > missing.number;
  if (more_after || known_end(line, facts) > found.end.lsn + kUnknownTailBytes) found.missing = missing;
  found.incomplete = !held.files(missing.number).empty();
  return found;
}

bool is_let_go(const WalLine& wal, const RecoveryFacts& facts) {
  const auto segment = wal.missing.value_or(WalSegment::holding(wal.end, facts.wal.segment_size()));
  const auto begin = segment.begin(facts.wal.segment_size());
  return std::ranges::any_of(facts.removed, [&](const catalog::WalRange& range) {
    return range.timeline == segment.timeline && range.begin <= begin && begin < range.end;
  });
}

std::string describe_missing(const WalLine& wal, const RecoveryFacts& facts) {
  const auto segment = wal.missing.value_or(WalSegment::holding(wal.end, facts.wal.segment_size()));
  const bool waits = std::ranges::find(facts.waiting, segment) != facts.waiting.end();
  if (is_let_go(wal, facts))
    return fmt::format(
        "WAL segment {} was let go by the retention policy, which keeps no more than what makes "
        "this backup consistent",
        segment.name(facts.wal.segment_size()));
  return fmt::format("WAL segment {} is {}{}", segment.name(facts.wal.segment_size()),
                     wal.incomplete ? "incomplete" : "missing",
                     waits ? " (one that was pushed waits: `pgkeep adopt-wal` takes it on your word)" : "");
}

}  // namespace pgkeep::recover
