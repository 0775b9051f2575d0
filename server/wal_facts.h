#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/io/lock.h"
#include "catalog/wal_archive.h"
#include "server/config.h"

namespace pgkeep::server {

/// A place in the archive of one timeline where WAL is missing.
struct WalHole {
  postgres::TimelineId timeline;
  postgres::Lsn begin;
  postgres::Lsn end;
};

/// The WAL that is stored for a server, from the files.
struct WalFacts {
  std::uint64_t segments = 0;
  std::vector<catalog::WalRange>
      ranges;                  // complete segments, and received bytes of partials that continue them
  std::vector<WalHole> holes;  // between two ranges of one timeline
  std::optional<postgres::WalSegment> newest_segment;  // complete
  std::optional<postgres::WalSegment> partial;         // being received, or left when the receiver stopped
  std::optional<postgres::WalPosition> received;       // the end of what is stored, on the newest timeline
  std::optional<io::LockOwner> receiver;               // who receives now
};
WalFacts read_wal_facts(const catalog::WalArchive& archive);

/// Bytes between the end of what is stored and `current`, the end of what the server has; nothing when
/// nothing is stored.
std::optional<std::uint64_t> wal_lag(const WalFacts& wal, postgres::Lsn current);

}  // namespace pgkeep::server
