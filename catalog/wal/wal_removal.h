#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// What a removal came to.
struct RemovedWal {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

/// Removes archived segments, and partials into which nothing is received any more, that no backup needs;
/// what is not there is passed over. Which they are is the caller's to know, and that what needed them is
/// durably gone. They go in the order of the WAL, and durably before those of another folder: a kill leaves
/// no gap between those that are left, and a power cut at most one inside a folder. Others add to the archive
/// in between. Waits for them like WalArchiveWriter, then throws Busy. Throws Interrupted when stop is asked:
/// what is left goes the next time. `removed_so_far` is called now and then.
RemovedWal remove_wal(const WalArchive& archive, const SegmentSet& segments, const SegmentSet& partials,
                      const std::stop_token& stop = {},
                      const std::function<void(const RemovedWal&)>& removed_so_far = {});

}  // namespace pgkeep::catalog
