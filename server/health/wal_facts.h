#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/store/backup_record.h"
#include "catalog/wal/held_wal.h"
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

/// The WAL that is stored for a server, as it was read once, with what is recorded of it.
struct WalFacts {
  std::uint64_t segments = 0;
  std::vector<catalog::WalRange> ranges;
  std::vector<catalog::WalJoint> joints;
  std::vector<catalog::WalGap> gaps;  // along the line of the newest timeline
  /// The others along that line: retention made them, or lost WAL touches one that it made, which no recovery
  /// comes to any more.
  std::vector<catalog::WalGap> removed;
  std::optional<postgres::WalSegment> newest_segment;  // complete
  std::optional<postgres::WalSegment> partial;         // being received, or left when the receiver stopped
  std::optional<postgres::WalPosition> received;       // the end of what is stored along that line
  std::optional<catalog::HeldLine> newest;             // that line; nothing without WAL
  std::string unknown_history;                         // why that of this line is not known; empty: it is
  std::vector<std::string> damaged_histories;          // each with what to do
  std::vector<catalog::Event> events;                  // oldest first
};
WalFacts wal_facts(const catalog::HeldWal& held, std::vector<catalog::Event> events);
WalFacts read_wal_facts(const catalog::WalArchive& archive);
WaitingFacts read_waiting_facts(catalog::WalArchive& archive);

/// Of the recorded events (oldest first) those of the last week that somebody has to know, newest first.
std::vector<catalog::Event> late_alarms(std::vector<catalog::Event> events, io::TimePoint now);

/// A gap that keeps a recovery from a backup from coming to the end of what is stored: its first byte.
/// Nothing when there is none, or the backup is consistent only, or not on the line of the newest timeline.
std::optional<postgres::Lsn> gap_after(const WalFacts& wal, const store::BackupRecord& backup);

/// Whether retention left a backup of that line no more WAL than makes it consistent.
bool is_consistent_only(const WalFacts& wal, const store::BackupRecord& backup);

/// Bytes between the end of what is stored and `current`, the end of what the server has; nothing when
/// nothing is stored.
std::optional<std::uint64_t> wal_lag(const WalFacts& wal, postgres::Lsn current);

}  // namespace pgkeep::server
