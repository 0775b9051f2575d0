#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "catalog/store/backup_lease.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// What a removal came to.
struct Freed {
  std::uint64_t bytes = 0;
  /// Why no pack was removed: backups whose record or lists cannot be read, so that nobody can say which
  /// packs they need. A message each, with the way out.
  std::vector<std::string> packs_kept{};
};

/// Removes what unfinished attempts left: backup folders without backup.json, temporary packs, and packs that
/// no backup names, as long as it is known what each one needs. The caller holds the writer lock.
Freed sweep_unfinished(const ServerLayout& layout);

/// Why a backup is deleted: one line for people.
using WhyDeleted = std::function<std::string(const BackupId&)>;

/// Forgets backups: of each the deletion is noted (deletions.h) and then backup.json removed (from then on
/// there is no such backup, whatever happens), then the folders, then the packs that nothing names any more;
/// those of a backup that is being read are named still. The caller holds the writer lock. Neither these
/// backups nor others have to be sound for it. Where the disk is full, they are noted when there is room.
Freed delete_backups(const ServerLayout& layout, std::span<const BackupClaim> claims, const WhyDeleted& why);
inline Freed delete_backup(const ServerLayout& layout, const BackupClaim& claim, const std::string& why) {
  return delete_backups(layout, {&claim, 1}, [&why](const BackupId& /*id*/) { return why; });
}

}  // namespace pgkeep::store
