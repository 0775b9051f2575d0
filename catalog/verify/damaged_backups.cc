#include "catalog/verify/damaged_backups.h"

#include <algorithm>
#include <stop_token>

#include "catalog/io/error.h"
#include "catalog/store/repository.h"
#include "catalog/verify/concerned_backups.h"
#include "catalog/verify/verification_memory.h"

namespace pgkeep::catalog {

std::map<store::BackupId, KnownDamage> damaged_backups(const store::ServerLayout& layout) {
  std::map<store::BackupId, KnownDamage> backups;
  std::vector<StoredDamage> known;
  try {
    known = read_verification_memory(layout).damage();
  } catch (const Error& error) {
    if (!is_damage(error) && !is_denied(error)) throw;
    return backups;
  }
  if (!std::ranges::all_of(known, &StoredDamage::attributed))
    find_concerned(store::Repository::of(layout), layout, known, {});
  for (const auto& damage : known)
    for (const auto& id : damage.backups) backups.try_emplace(id, KnownDamage{damage.since, damage.what});
  return backups;
}

}  // namespace pgkeep::catalog
