#include "server/health/wal_facts.h"

#include <algorithm>
#include <utility>

#include "catalog/wal/waiting_wal.h"

namespace pgkeep::server {

WalFacts wal_facts(const catalog::HeldWal& held, std::vector<catalog::Event> events) {
  const auto& names = held.names();
  WalFacts facts;
  facts.segments = names.segments.size();
  facts.ranges = held.ranges();
  facts.joints = held.joints();
  if (!names.segments.empty()) facts.newest_segment = names.segments.back();
  if (!names.partials.empty()) facts.partial = names.partials.back();
  facts.newest = held.along_newest();
  if (facts.newest) {
    facts.gaps = facts.newest->gaps(events);
    facts.received = facts.newest->end();
  }
  facts.events = std::move(events);
  return facts;
}

WalFacts read_wal_facts(const catalog::WalArchive& archive) {
  return wal_facts(catalog::HeldWal::read(archive), catalog::EventJournal(archive.layout()).read());
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

std::optional<postgres::Lsn> hole_behind(const WalFacts& wal, const store::BackupRecord& backup) {
  return wal.newest ? wal.newest->replay_stops_after(backup.start, wal.events) : std::nullopt;
}

std::optional<std::uint64_t> wal_lag(const WalFacts& wal, postgres::Lsn current) {
  if (!wal.received) return std::nullopt;
  return current > wal.received->lsn ? current - wal.received->lsn : 0;
}

}  // namespace pgkeep::server
