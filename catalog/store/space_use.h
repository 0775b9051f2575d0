#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "catalog/store/layout.h"
#include "catalog/store/repository.h"

namespace pgkeep::store {

/// What the packs of a server are there for, in bytes of their files.
struct SpaceUse {
  std::uint64_t alive = 0;     // backups that stay need it; directories of packs included
  std::uint64_t in_grace = 0;  // only backups that are going to be removed need it
  std::uint64_t dead = 0;      // no backup needs it: what a compaction or a sweep frees
  /// Of which backups, those that go included, it cannot be said what they need, or why the folders cannot be
  /// listed; then nothing is counted. A message each.
  std::vector<std::string> unknown;
};

/// `going` are the backups that are marked to be removed. A pack that cannot be opened counts as alive.
/// Without the writer lock, what a backup is writing meanwhile counts as dead, and one that is deleted
/// meanwhile may count still. For who shows other things as well: throws no StorageError, no Corruption.
SpaceUse space_use(const Repository& repository, const ServerLayout& layout, std::span<const BackupId> going);

/// Bytes of the frames of a pack's objects that `used` (as PackUse has them) has not; those that were left
/// out by a compaction are none. The directory is read only where there may be any. Throws Corruption.
std::uint64_t unused_bytes(const Repository& repository, const ServerLayout& layout, const PackName& name,
                           io::ByteView used);

}  // namespace pgkeep::store
