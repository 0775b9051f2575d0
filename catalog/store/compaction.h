#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/progress.h"
#include "catalog/store/layout.h"
#include "catalog/store/repository.h"

namespace pgkeep::store {

/// A pack that is worth writing again.
struct CompactionCandidate {
  PackName pack;
  std::uint64_t file_bytes = 0;
  std::uint64_t dead_bytes = 0;  // of frames of objects that no backup needs
};

struct CompactionPlan {
  std::vector<CompactionCandidate> packs;  // the worst first
  /// Of which backups it cannot be said what they need, so that nothing is compacted. A message each.
  std::vector<std::string> unknown{};
  std::uint64_t live_bytes = 0;  // of all packs: what backups need, directories included
  std::uint64_t dead_bytes = 0;  // what none needs
};

/// Packs of which `dead_percent` or more of the bytes are dead, and how much is alive. A pack that no backup
/// needs at all is not among them: the sweep removes it. One that cannot be opened is left alone. Without the
/// writer lock, what a backup is writing meanwhile counts as dead.
CompactionPlan plan_compaction(const Repository& repository, const ServerLayout& layout,
                               std::uint64_t dead_percent);

struct CompactionResult {
  std::uint64_t packs = 0;  // that were written again
  std::uint64_t written_bytes = 0;
  std::uint64_t freed_bytes = 0;
  std::vector<std::string> warnings;  // of what was left alone, a message each
};

/// Writes packs again, without what no backup needs, until `budget` bytes are written. The next generation is
/// durable before the one before it is removed, so a crash leaves both at most, and never is more room needed
/// than for one pack. Readers go on with the file that they have open. The caller holds the writer lock.
/// Throws StorageError, and Interrupted between two packs when stop is asked.
CompactionResult compact(const Repository& repository, const ServerLayout& layout, const CompactionPlan& plan,
                         std::uint64_t budget, io::ProgressObserver& observer, const std::stop_token& stop);

}  // namespace pgkeep::store
