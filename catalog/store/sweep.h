#pragma once

#include <cstdint>

#include "catalog/store/backup_id.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// What a removal came to.
struct Freed {
  std::uint64_t bytes = 0;
  /// Packs that nothing names stay until the next sweep, since somebody is reading.
  bool packs_left_for_readers = false;
};

/// Removes what unfinished attempts left: backup folders without backup.json, temporary packs, packs that no
/// backup names. The caller holds the writer lock. Throws Corruption when a backup's file table cannot be
/// read: then nobody can say which packs are needed, and none is removed.
Freed sweep_unfinished(const ServerLayout& layout);

/// Forgets a backup: backup.json first (from then on there is no such backup, whatever happens), then its
/// folder, then the packs that nothing names any more. The caller holds the writer lock. Throws NotFound.
Freed delete_backup(const ServerLayout& layout, const BackupId& id);

}  // namespace pgkeep::store
