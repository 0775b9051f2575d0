#pragma once

#include <span>
#include <string>
#include <vector>

#include "catalog/io/error.h"
#include "catalog/store/layout.h"
#include "catalog/store/pack_use.h"

namespace pgkeep::store {

/// What the committed backups need: for their files, the bases of their deltas, and their lists.
struct LivingObjects {
  PackUse::Packs packs;              // of each pack the objects, as PackUse has them
  std::vector<std::string> unknown;  // of which backups that cannot be said, and why, with the way out
};

/// But for those of `without`. What backups share of their lists is read once. One that is deleted meanwhile
/// needs nothing. Throws StorageError when they cannot be listed.
LivingObjects living_objects(const ServerLayout& layout, std::span<const BackupId> without = {});
/// The same of these backups alone.
LivingObjects living_objects_of(const ServerLayout& layout, std::span<const BackupId> ids);

/// For an error that keeps one from saying what a backup needs: with what follows, and the way out.
std::string why_unknown(const ServerLayout& layout, const BackupId& id, const Error& error);

/// What these backups need. Throws what keeps it from being said of one of them.
PackUse::Packs objects_needed_by(const ServerLayout& layout, std::span<const BackupId> ids);

}  // namespace pgkeep::store
