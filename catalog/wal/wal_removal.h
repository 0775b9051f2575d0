#pragma once

#include <cstdint>
#include <span>

#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// What a removal came to.
struct RemovedWal {
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
};

/// Removes archived segments that no backup needs any more; what is not there is passed over. Which they are
/// is the caller's to know, and that what needed them is durably gone. The first go first, and durably before
/// those of another folder: a kill leaves no gap between those that are left, and a power cut at most one
/// inside a folder. Others add to the archive in between. Waits for them like WalArchiveWriter, then throws
/// Busy.
RemovedWal remove_segments(const WalArchive& archive, std::span<const postgres::WalSegment> segments);

/// The same for partials into which nothing is received any more.
RemovedWal remove_partials(const WalArchive& archive, std::span<const postgres::WalSegment> segments);

}  // namespace pgkeep::catalog
