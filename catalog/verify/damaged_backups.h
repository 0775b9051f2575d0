#pragma once

#include <map>
#include <string>

#include "catalog/io/units.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// Damage that concerns a backup.
struct KnownDamage {
  io::TimePoint since;  // when it was found first
  std::string what;     // what, where, why: one line for people
};

/// The backups that damage concerns which verifications of all that is stored have found, and which was not
/// mended since; of each the first. Of a verification that was stopped before it said whom its damage
/// concerns, that is found out here. None where what they found cannot be read. Throws StorageError.
std::map<store::BackupId, KnownDamage> damaged_backups(const store::ServerLayout& layout);

}  // namespace pgkeep::catalog
