#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/store/backup_record.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// What deleting one backup would free, now and of its own: its folder, and the packs that no other backup
/// names. What it shares with others, and what is in packs that others name, is not in it.
struct FreedBytes {
  std::map<BackupId, std::uint64_t> of_each;  // empty while `unknown` is not
  /// Of which backups it cannot be said what they need, so that no pack would be removed, or why the folders
  /// cannot be listed. A message each.
  std::vector<std::string> unknown;

  /// Nothing where it cannot be said.
  std::optional<std::uint64_t> of(const BackupId& id) const;
};

/// Of every committed backup. `known` are records that the caller has read; others are read. Lists are cut
/// into sections that backups share, and each is read once, so the cost follows what changed between them.
/// Nothing of it is kept: it may change with every backup that comes or goes. When one goes meanwhile and
/// what it shared with others cannot be read for that, all is looked at again. For who shows other things as
/// well: throws no StorageError, no Corruption.
FreedBytes freed_bytes(const ServerLayout& layout, std::span<const BackupRecord> known);

}  // namespace pgkeep::store
