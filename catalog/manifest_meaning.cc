#include "catalog/manifest_meaning.h"

#include <fmt/format.h>

namespace pgkeep::catalog {
namespace {

constexpr int kFirstWithSystem = 17;

std::string place(postgres::TimelineId timeline, postgres::Lsn lsn) {
  return fmt::format("{} on timeline {}", lsn.to_string(), timeline.to_string());
}

/// Version 2 came with 17, and has the system.
void compare_version(const postgres::ManifestSummary& manifest, const store::BackupRecord& record,
                     std::vector<std::string>& found) {
  const int expected = record.major_version >= kFirstWithSystem ? 2 : 1;
  if (manifest.version == expected) return;
  found.push_back(fmt::format("PostgreSQL's manifest has version {}, that of PostgreSQL {} has version {}",
                              manifest.version, record.major_version, expected));
}

void compare_system(const postgres::ManifestSummary& manifest, const store::BackupRecord& record,
                    std::vector<std::string>& found) {
  if (manifest.system && *manifest.system != record.system) {
    found.push_back(fmt::format("PostgreSQL's manifest is of system {}, the backup of system {}",
                                manifest.system->to_string(), record.system.to_string()));
  }
}

void compare_wal(const std::vector<postgres::ManifestWalRange>& ranges, const store::BackupRecord& record,
                 std::vector<std::string>& found) {
  if (ranges.empty()) {
    found.push_back("PostgreSQL's manifest names no WAL");
    return;
  }
  const auto& oldest = ranges.back();
  if (postgres::WalPosition{oldest.timeline, oldest.start} != record.start) {
    found.push_back(fmt::format("the WAL in PostgreSQL's manifest begins at {}, the backup at {}",
                                place(oldest.timeline, oldest.start),
                                place(record.start.timeline, record.start.lsn)));
  }
  const auto& newest = ranges.front();
  if (postgres::WalPosition{newest.timeline, newest.end} != record.end) {
    found.push_back(fmt::format("the WAL in PostgreSQL's manifest ends at {}, the backup at {}",
                                place(newest.timeline, newest.end),
                                place(record.end.timeline, record.end.lsn)));
  }
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    const auto& newer = ranges[i - 1];
    const auto& older = ranges[i];
    if (older.end == newer.start && older.timeline < newer.timeline) continue;
    found.push_back(fmt::format("the WAL in PostgreSQL's manifest goes from {} to {}",
                                place(older.timeline, older.end), place(newer.timeline, newer.start)));
  }
}

}  // namespace

std::vector<std::string> contradictions(const postgres::ManifestSummary& manifest,
                                        const store::BackupRecord& record) {
  std::vector<std::string> found;
  compare_version(manifest, record, found);
  compare_system(manifest, record, found);
  compare_wal(manifest.wal_ranges, record, found);
  return found;
}

}  // namespace pgkeep::catalog
