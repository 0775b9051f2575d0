#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/store/backup_record.h"
#include "catalog/wal/wal_continuity.h"
#include "server/config/config.h"

namespace pgkeep::server {

/// Segments that were pushed and wait (catalog::WaitingWal).
struct WaitingFacts {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // on disk
  std::optional<io::TimePoint> oldest;
  std::string first;  // by name
  std::string last;
};

/// The WAL that is stored for a server, from the files. See catalog::WalContinuity.
struct WalFacts {
  std::uint64_t segments = 0;
  std::vector<catalog::WalRange> ranges;
  std::vector<catalog::WalJoint> joints;
  std::vector<catalog::WalGap> gaps;
  std::optional<postgres::WalSegment> newest_segment;  // complete
  std::optional<postgres::WalSegment> partial;         // being received, or left when the receiver stopped
  std::optional<postgres::WalPosition> received;       // the end of what is stored, on the newest timeline
};
WalFacts read_wal_facts(const catalog::WalArchive& archive);
WaitingFacts read_waiting_facts(catalog::WalArchive& archive);

/// Where WAL is missing that a recovery from `from` to the end of what is stored needs, `line` being the
/// history of that end's timeline: the first byte that is not there. Nothing when nothing is missing, or when
/// `from` is not on that line.
std::optional<postgres::Lsn> first_missing(const WalFacts& wal, const postgres::TimelineHistory& line,
                                           const postgres::WalPosition& from);

/// The same for a backup, with the history from the archive: a hole that keeps a recovery from it from coming
/// to `latest`.
std::optional<postgres::Lsn> hole_behind(const catalog::WalArchive& archive, const WalFacts& wal,
                                         const store::BackupRecord& backup);

/// Bytes between the end of what is stored and `current`, the end of what the server has; nothing when
/// nothing is stored.
std::optional<std::uint64_t> wal_lag(const WalFacts& wal, postgres::Lsn current);

}  // namespace pgkeep::server
