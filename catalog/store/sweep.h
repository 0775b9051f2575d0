#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/store/backup_lease.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// What a removal came to.
struct Freed {
  std::uint64_t bytes = 0;
  /// Why no pack was removed: backups whose record or file table cannot be read, so that nobody can say which
  /// packs they need. A message each, with the way out.
  std::vector<std::string> packs_kept{};
};

/// Removes what unfinished attempts left: backup folders without backup.json, temporary packs, and packs that
/// no backup names, as long as it is known what each one needs. The caller holds the writer lock.
Freed sweep_unfinished(const ServerLayout& layout);

/// Forgets a backup: backup.json first (from then on there is no such backup, whatever happens), then its
/// folder, then the packs that nothing names any more; those of a backup that is being read are named still.
/// The caller holds the writer lock. Neither this backup nor another has to be sound for it.
Freed delete_backup(const ServerLayout& layout, const BackupClaim& claim);

}  // namespace pgkeep::store
