#pragma once

#include <stop_token>
#include <vector>

#include "catalog/store/backup_record.h"
#include "catalog/verify/stored_damage.h"

namespace pgkeep::store {
class Repository;
}

namespace pgkeep::catalog {

/// Finds out which backups need what is damaged, and which of their files are concerned, and writes it into
/// `damage`: of packs and of WAL, what is needed for a backup to become consistent. Reads all backups' lists
/// of packs, and the lists of files of as many of those concerned, from the newest on, as it takes to come by
/// every damaged object. A backup whose lists cannot be read is passed over: it is damaged itself. Throws
/// Interrupted, StorageError.
void find_concerned(const store::Repository& repository, const store::ServerLayout& layout,
                    std::vector<StoredDamage>& damage, const std::stop_token& stop);

/// Whether a backup of the current line needs what is damaged: to be read, to become consistent, or for any
/// recovery from it to a later time. Throws what keeps that from being said.
bool is_concerned(const store::ServerLayout& layout, const store::BackupRecord& backup,
                  const StoredDamage& damage);

}  // namespace pgkeep::catalog
