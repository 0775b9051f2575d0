#pragma once

#include <stop_token>
#include <vector>

#include "catalog/store/backup_record.h"
#include "catalog/store/repository.h"
#include "catalog/verify/stored_damage.h"

namespace pgkeep::catalog {

/// Finds out which backups need what is damaged, and which files of the newest of them are concerned, and
/// writes it into `damage`: of packs and of WAL, what a backup needs to be read and to become consistent.
/// Reads all backups' lists of packs, and for each damage of a pack the list of files of one backup or a few.
/// A backup whose lists cannot be read needs what the rest of it names. Throws Interrupted, and what keeps it
/// from being found out (is_passing()).
void find_concerned(const store::Repository& repository, const store::ServerLayout& layout,
                    std::vector<StoredDamage>& damage, const std::stop_token& stop);

/// Whether a backup of the current line needs each damage: to be read, to become consistent, or for any
/// recovery from it to a later time. `line`: the history of the newest timeline.
std::vector<bool> concerns(const store::ServerLayout& layout, const store::BackupRecord& backup,
                           const postgres::TimelineHistory& line, const std::vector<StoredDamage>& damage);

}  // namespace pgkeep::catalog
