#include "catalog/verify/manifest_meaning.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/postgres/versions.h"

namespace pgkeep::catalog {
namespace {

std::string place(postgres::TimelineId timeline, postgres::Lsn lsn) {
  return fmt::format("{} on timeline {}", lsn.to_string(), timeline.to_string());
}

/// Version 2 has the system. Which one a version has that came after this program is not known.
void compare_version(const postgres::ManifestSummary& manifest, const store::BackupRecord& record,
                     std::vector<std::string>& found) {
  if (!postgres::formats_known(record.major_version)) return;
  const int expected = postgres::formats_of(record.major_version).manifest_version;
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

/// What the server lists of a backup that began and ended there; `line` is that of the newer timeline.
std::vector<postgres::ManifestWalRange> expected_wal(const store::BackupRecord& record,
                                                     const postgres::TimelineHistory& line) {
  const auto& ancestors = line.ancestors();
  std::vector<postgres::ManifestWalRange> expected;
  auto end = record.end.lsn;
  for (auto i = ancestors.size() + 1; i-- > 0;) {
    const bool newest = i == ancestors.size();
    const auto timeline = newest ? line.timeline() : ancestors[i].timeline;
    // As PostgreSQL does: of a timeline that was left before the backup began it says nothing.
    if (!newest && ancestors[i].switch_point < record.start.lsn) continue;
    const auto begin = i == 0 ? postgres::Lsn() : ancestors[i - 1].switch_point;
    const bool oldest = timeline == record.start.timeline;
    expected.push_back({timeline, oldest ? record.start.lsn : begin, end});
    if (oldest) break;
    end = begin;
  }
  return expected;
}

bool same_range(const postgres::ManifestWalRange& a, const postgres::ManifestWalRange& b) {
  return a.timeline == b.timeline && a.start == b.start && a.end == b.end;
}

/// Begin and end are those of the backup: what lies between them.
void compare_passes(const std::vector<postgres::ManifestWalRange>& ranges, const store::BackupRecord& record,
                    const postgres::TimelineHistory& line, std::vector<std::string>& found) {
  const auto expected = expected_wal(record, line);
  const auto [said, known] = std::ranges::mismatch(ranges, expected, same_range);
  if (said == ranges.end() && known == expected.end()) return;
  const auto show = [](auto range, auto end) {
    if (range == end) return std::string("nothing");
    return fmt::format("{} to {} of timeline {}", range->start.to_string(), range->end.to_string(),
                       range->timeline.to_string());
  };
  found.push_back(fmt::format(
      "the WAL in PostgreSQL's manifest has {} where by the history of timeline {} the backup has {}",
      show(said, ranges.end()), line.timeline().to_string(), show(known, expected.end())));
}

void compare_wal(const std::vector<postgres::ManifestWalRange>& ranges, const store::BackupRecord& record,
                 const std::optional<postgres::TimelineHistory>& line, std::vector<std::string>& found) {
  if (ranges.empty()) {
    found.push_back("PostgreSQL's manifest names no WAL");
    return;
  }
  const auto& oldest = ranges.back();
  const bool begins = postgres::WalPosition{oldest.timeline, oldest.start} == record.start;
  if (!begins) {
    found.push_back(fmt::format("the WAL in PostgreSQL's manifest begins at {}, the backup at {}",
                                place(oldest.timeline, oldest.start),
                                place(record.start.timeline, record.start.lsn)));
  }
  const auto& newest = ranges.front();
  const bool ends = postgres::WalPosition{newest.timeline, newest.end} == record.end;
  if (!ends) {
    found.push_back(fmt::format("the WAL in PostgreSQL's manifest ends at {}, the backup at {}",
                                place(newest.timeline, newest.end),
                                place(record.end.timeline, record.end.lsn)));
  }
  if (begins && ends && line) compare_passes(ranges, record, *line, found);
}

}  // namespace

std::vector<std::string> contradictions(const postgres::ManifestSummary& manifest,
                                        const store::BackupRecord& record,
                                        const std::optional<postgres::TimelineHistory>& line) {
  std::vector<std::string> found;
  compare_version(manifest, record, found);
  compare_system(manifest, record, found);
  compare_wal(manifest.wal_ranges, record, line, found);
  return found;
}

}  // namespace pgkeep::catalog
