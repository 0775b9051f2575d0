#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/index/stored_segments.h"
#include "catalog/store/backup_record.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What the backup added to the repository.
/// What a verification without findings proves: of a version that came after this program, less.
std::string_view good_word(bool formats_known);

std::uint64_t stored_bytes(const store::BackupRecord& backup);
std::chrono::milliseconds duration(const store::BackupRecord& backup);
/// Names of the segments that hold the first and the last byte of the WAL it needs.
std::string first_wal(const store::BackupRecord& backup);
std::string last_wal(const store::BackupRecord& backup);

/// "checksum failures: 3", "from standby", "WAL ends at 0/5000000 (gap)": what deserves a look, empty when
/// nothing does. `gap`: see gap_after(); `line`: it belongs to one that was set aside; `consistent_only`: see
/// is_consistent_only().
std::string remarks(const store::BackupRecord& backup, const std::optional<postgres::Lsn>& gap = {},
                    std::optional<unsigned> line = {}, bool consistent_only = false);

/// Stored bytes of the complete segments, those in `held`, from the start of backups[i] to the start of the
/// next one, or to the end for the last: what the WAL between them takes.
std::vector<std::uint64_t> wal_to_next(const std::vector<store::BackupRecord>& backups,
                                       catalog::StoredSegments& stored, const catalog::SegmentSet& held,
                                       postgres::WalSegmentSize size);

/// The record for --json.
Json backup_json(const store::BackupRecord& backup);

}  // namespace pgkeep::server
