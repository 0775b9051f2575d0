#include "server/health/wal_facts.h"

#include <algorithm>
#include <utility>

#include "catalog/wal/waiting_wal.h"

namespace pgkeep::server {
namespace {

constexpr std::chrono::days kLate{7};
constexpr std::size_t kMostAlarms = 10;

std::string why_unknown(postgres::TimelineId timeline, const catalog::WalInventory& names) {
  if (timeline == postgres::TimelineId(1) || names.histories.contains(timeline)) return {};
  const auto damaged = names.damaged_histories.find(timeline);
  return damaged == names.damaged_histories.end() ? timeline.history_file() + " is missing" : damaged->second;
}

bool is_of(const catalog::WalGap& gap, catalog::EventKind kind) {
  return gap.event && gap.event->kind == kind;
}

/// Takes those out of `gaps` that retention made, or that touch one it made.
std::vector<catalog::WalGap> take_removed(std::vector<catalog::WalGap>& gaps) {
  using Kind = catalog::EventKind;
  std::vector<catalog::WalGap> removed;
  std::vector<catalog::WalGap> others;
  for (auto first = gaps.begin(); first != gaps.end();) {
    auto last = std::next(first);
    while (last != gaps.end() && std::prev(last)->range.end == last->range.begin) ++last;
    const bool is_moot =
        std::any_of(first, last, [](const catalog::WalGap& gap) { return is_of(gap, Kind::removed); });
    for (; first != last; ++first) {
      const bool goes = is_moot && (is_of(*first, Kind::removed) || is_of(*first, Kind::gap));
      (goes ? removed : others).push_back(std::move(*first));
    }
  }
  gaps = std::move(others);
  return removed;
}

std::optional<postgres::Lsn> end_of_replay(const WalFacts& wal, const store::BackupRecord& backup) {
  return wal.newest ? wal.newest->replay_stops_after(backup.start, wal.events) : std::nullopt;
}

bool is_removed(const WalFacts& wal, postgres::Lsn lsn) {
  return std::ranges::any_of(
      wal.removed, [&](const catalog::WalGap& gap) { return gap.range.begin <= lsn && lsn < gap.range.end; });
}

}  // namespace

WalFacts wal_facts(const catalog::HeldWal& held, std::vector<catalog::Event> events) {
  const auto& names = held.names();
  WalFacts facts;
  facts.segments = names.segments.size();
  facts.ranges = held.ranges();
  facts.joints = held.joints();
  if (!names.segments.empty()) facts.newest_segment = names.segments.back();
  if (!names.partials.empty()) facts.partial = names.partials.back();
  facts.newest = held.along_newest();
  for (const auto& [timeline, why] : names.damaged_histories) facts.damaged_histories.push_back(why);
  if (facts.newest) {
    facts.unknown_history = why_unknown(facts.newest->line().timeline(), names);
    facts.gaps = facts.newest->gaps(events);
    facts.removed = take_removed(facts.gaps);
    facts.received = facts.newest->end();
  }
  facts.events = std::move(events);
  return facts;
}

WalFacts read_wal_facts(const catalog::WalArchive& archive) {
  // The events last: what goes meanwhile was told before.
  const auto held = catalog::HeldWal::read(archive);
  return wal_facts(held, catalog::EventJournal(archive.layout()).read());
}

WaitingFacts read_waiting_facts(catalog::WalArchive& archive) {
  WaitingFacts facts;
  for (const auto& waiting : catalog::WaitingWal(archive).list()) {
    const auto file = look_at(waiting.copy);
    if (!file) continue;
    if (facts.files++ == 0) facts.first = waiting.copy.name;
    facts.last = waiting.copy.name;
    facts.bytes += file->bytes;
    facts.oldest = facts.oldest ? std::min(*facts.oldest, file->since) : file->since;
  }
  return facts;
}

std::vector<catalog::Event> late_alarms(std::vector<catalog::Event> events, io::TimePoint now) {
  using Kind = catalog::EventKind;
  std::erase_if(events, [&](const catalog::Event& event) {
    return event.at < now - kLate || event.kind == Kind::slot_created || event.kind == Kind::slot_dropped ||
           event.kind == Kind::removed;
  });
  std::ranges::reverse(events);
  if (events.size() > kMostAlarms) events.resize(kMostAlarms);
  return events;
}

std::optional<postgres::Lsn> gap_after(const WalFacts& wal, const store::BackupRecord& backup) {
  // Also one that touches what retention removed, where the backup is not consistent before it.
  return is_consistent_only(wal, backup) ? std::nullopt : end_of_replay(wal, backup);
}

bool is_consistent_only(const WalFacts& wal, const store::BackupRecord& backup) {
  const auto end = end_of_replay(wal, backup);
  return end && *end >= backup.end.lsn && is_removed(wal, *end);
}

std::optional<std::uint64_t> wal_lag(const WalFacts& wal, postgres::Lsn current) {
  if (!wal.received) return std::nullopt;
  return current > wal.received->lsn ? current - wal.received->lsn : 0;
}

}  // namespace pgkeep::server
