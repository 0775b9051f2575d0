#include "server/daemon/backup_need.h"

#include <ranges>

#include <fmt/format.h>

#include "catalog/records/identity.h"
#include "catalog/store/backup_record.h"
#include "catalog/wal/set_aside_line.h"

namespace pgkeep::server {

const catalog::WalGap* gap_behind(std::span<const catalog::WalGap> gaps, const postgres::WalPosition& start) {
  for (const auto& gap : std::views::reverse(gaps))
    if (gap.event && gap.range.end > start.lsn && gap.range.timeline >= start.timeline) return &gap;
  return nullptr;
}

std::optional<std::string> why_backup_is_needed(const store::ServerLayout& layout) {
  const auto identity = catalog::read_identity(layout);
  if (!identity) return std::nullopt;
  auto backups = store::list_backup_records(layout).backups;
  const bool had_some = !backups.empty();
  catalog::keep_only_own(layout, backups);
  if (backups.empty() && had_some)
    return "the WAL that the backups need was set aside as a line of its own, and the new line has no backup";
  const auto newest =
      std::ranges::find(backups | std::views::reverse, identity->system, &store::BackupRecord::system);
  if (newest == backups.rend()) return std::nullopt;
  // Only names are read: no level of compression is needed.
  const auto held = catalog::HeldWal::read(catalog::WalArchive(layout, *identity));
  const auto line = held.along_newest();
  if (!line) return std::nullopt;
  const auto gaps = line->gaps(catalog::EventJournal(layout).read());
  const auto* gap = gap_behind(gaps, newest->start);
  if (gap == nullptr) return std::nullopt;
  return fmt::format(
      "WAL from {} to {} of timeline {} is lost, so that no recovery from the newest backup ({}) passes it",
      gap->range.begin.to_string(), gap->range.end.to_string(), gap->range.timeline.to_string(),
      newest->id.to_string());
}

}  // namespace pgkeep::server
