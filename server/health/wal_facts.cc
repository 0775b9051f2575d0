#include "server/health/wal_facts.h"

#include <algorithm>
#include <utility>

#include "catalog/wal/waiting_wal.h"

namespace pgkeep::server {

WalFacts read_wal_facts(const catalog::WalArchive& archive) {
  const auto inventory = archive.inventory();
  auto continuity = catalog::read_continuity(archive);
  WalFacts facts;
  facts.segments = inventory.segments.size();
  facts.ranges = std::move(continuity.ranges);
  facts.joints = std::move(continuity.joints);
  facts.gaps = std::move(continuity.gaps);
  facts.received = continuity.end;
  if (!inventory.segments.empty()) facts.newest_segment = inventory.segments.back();
  if (!inventory.partials.empty()) facts.partial = inventory.partials.back();
  return facts;
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
  for (const auto& gap : wal.gaps) {
    if (gap.event && gap.event->kind == catalog::EventKind::minimal_wal &&
        line.contains(gap.range.timeline) && gap.range.begin >= from.lsn)
      at = std::min(at, gap.range.begin);
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
