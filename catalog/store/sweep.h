#pragma once

#include <cstdint>

#include "catalog/store/backup_lease.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// What a removal came to.
struct Freed {
  std::uint64_t bytes = 0;
};

/// Removes what unfinished attempts left: backup folders without backup.json, temporary packs, packs that no
/// backup names. The caller holds the writer lock. Throws Corruption when a backup's file table cannot be
/// read: then nobody can say which packs are needed, and none is removed.
Freed sweep_unfinished(const ServerLayout& layout);

/// Forgets a backup: backup.json first (from then on there is no such backup, whatever happens), then its
/// folder, then the packs that nothing names any more; those of a backup that is being read are named still.
/// The caller holds the writer lock.
Freed delete_backup(const ServerLayout& layout, const BackupClaim& claim);

}  // namespace pgkeep::store
