#include "server/fleet/backup_facts.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/postgres/json.h"
#include "catalog/postgres/versions.h"
#include "catalog/store/json.h"

namespace pgkeep::server {
namespace {

/// Of the configuration what the backup does not have: setting and path.
Json outside_json(const store::ConfigurationFiles& files) {
  auto json = Json::object();
  for (const auto& [name, path] : files.outside()) json[std::string(name)] = path;
  return json;
}

/// In order, each once.
std::vector<std::uint64_t> segments_of_starts(const std::vector<store::BackupRecord>& backups,
                                              postgres::WalSegmentSize size) {
  std::vector<std::uint64_t> numbers;
  for (const auto& backup : backups)
    numbers.push_back(postgres::WalSegment::holding(backup.start, size).number);
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

/// The runs of `held`, with a run that begins at each of these numbers that it has.
std::vector<catalog::SegmentRun> cut_at(const catalog::SegmentSet& held,
                                        const std::vector<std::uint64_t>& numbers) {
  std::vector<catalog::SegmentRun> pieces;
  for (auto run : held.runs()) {
    for (auto cut = std::ranges::upper_bound(numbers, run.first); cut != numbers.end() && *cut <= run.last;
         ++cut) {
      pieces.push_back({run.timeline, run.first, *cut - 1});
      run.first = *cut;
    }
    pieces.push_back(run);
  }
  return pieces;
}

}  // namespace

std::string_view good_word(bool formats_known) {
  return formats_known ? "good"
                       : "what was stored (this pgkeep does not know that version: no WAL was looked into)";
}

std::uint64_t stored_bytes(const store::BackupRecord& backup) {
  return backup.cost.pack_bytes + backup.cost.metadata_bytes;
}

std::chrono::milliseconds duration(const store::BackupRecord& backup) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(backup.ended - backup.started);
}

std::string first_wal(const store::BackupRecord& backup) {
  return postgres::WalSegment::holding(backup.start, backup.wal_segment_size).name(backup.wal_segment_size);
}

std::string last_wal(const store::BackupRecord& backup) {
  return postgres::WalSegment::ending(backup.end, backup.wal_segment_size).name(backup.wal_segment_size);
}

std::string remarks(const store::BackupRecord& backup, const std::optional<postgres::Lsn>& gap,
                    std::optional<unsigned> line, bool consistent_only) {
  std::string text;
  const auto add = [&](std::string_view remark) {
    text += fmt::format("{}{}", text.empty() ? "" : "; ", remark);
  };
  if (line) add(fmt::format("of line {}, set aside", *line));
  if (backup.checksum_failures > 0) add(fmt::format("checksum failures: {}", backup.checksum_failures));
  if (!postgres::formats_known(backup.major_version)) add("unchecked: version not known");
  if (gap) add(fmt::format("WAL ends at {} (gap)", gap->to_string()));
  if (consistent_only) add(fmt::format("consistent only, at {}", backup.end.lsn.to_string()));
  if (backup.from_standby) add("from standby");
  if (!backup.label.empty() && backup.label != "pgkeep") add(backup.label);
  return text;
}

std::vector<std::uint64_t> wal_to_next(const std::vector<store::BackupRecord>& backups,
                                       catalog::StoredSegments& stored, const catalog::SegmentSet& held,
                                       postgres::WalSegmentSize size) {
  std::vector<std::uint64_t> bytes(backups.size(), 0);
  // Of one timeline, what lies between two starts of backups is of one backup.
  const auto pieces = cut_at(held, segments_of_starts(backups, size));
  const auto sums = stored.sums(pieces);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    // The last backup that begins at or before the end of the segment: timelines share one sequence of
    // positions.
    const auto end = postgres::WalSegment{pieces[i].timeline, pieces[i].first}.end(size);
    const auto after = std::upper_bound(
        backups.begin(), backups.end(), end,
        [](postgres::Lsn segment_end, const auto& backup) { return segment_end <= backup.start.lsn; });
    if (after != backups.begin())
      bytes[static_cast<std::size_t>(after - backups.begin()) - 1] += sums[i].stored_bytes;
  }
  return bytes;
}

Json backup_json(const store::BackupRecord& backup) {
  Json json{{"id", backup.id},
            {"server", backup.server},
            {"label", backup.label},
            {"started", backup.started},
            {"ended", backup.ended},
            {"duration_seconds", std::chrono::duration<double>(duration(backup)).count()},
            {"server_version", backup.server_version},
            {"formats_known", postgres::formats_known(backup.major_version)},
            {"system_identifier", backup.system},
            {"timeline", backup.start.timeline},
            {"begin_lsn", backup.start.lsn},
            {"end_lsn", backup.end.lsn},
            {"begin_wal", first_wal(backup)},
            {"end_wal", last_wal(backup)},
            {"from_standby", backup.from_standby},
            {"data_checksums", backup.data_checksums},
            {"checksums_verified", backup.data_checksums && backup.checksums_verified},
            {"checksum_failures", backup.checksum_failures},
            {"damaged_files", backup.damaged_files},
            {"data_bytes", backup.data_bytes},
            {"file_count", backup.file_count},
            {"stored_bytes", stored_bytes(backup)}};
  json["cost"] = backup.cost;
  json["compared_with"] = backup.compared_with;
  json["tablespaces"] = json_list(backup.tablespaces, [](const auto& tablespace) {
    return Json{{"oid", tablespace.oid}, {"name", tablespace.name}, {"location", tablespace.location}};
  });
  json["configuration_outside"] = outside_json(backup.configuration);
  json["wal_ranges"] = json_list(backup.wal_ranges, [](const auto& range) {
    return Json{{"timeline", range.timeline}, {"start_lsn", range.start}, {"end_lsn", range.end}};
  });
  json["notices"] = backup.notices;
  return json;
}

}  // namespace pgkeep::server
