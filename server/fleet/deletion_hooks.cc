#include "server/fleet/deletion_hooks.h"

#include <algorithm>

#include "catalog/store/backup_record.h"
#include "catalog/store/repository.h"

namespace pgkeep::server {

Hooks deletion_hooks(const ServerConfig& server, const store::ServerLayout& layout, const store::BackupId& id,
                     WithHooks with_hooks) {
  auto hooks = hooks_of(server, store::Repository::of(layout).root(), "delete", with_hooks);
  hooks.tell("BACKUP", id.to_string());
  hooks.tell("BACKUP_DIR", layout.backup(id).native());
  const auto backups = store::list_backup_records(layout).backups;
  const auto at = std::ranges::find(backups, id, &store::BackupRecord::id);
  if (at == backups.end()) return hooks;
  if (at != backups.begin()) hooks.tell("PREVIOUS_BACKUP", std::prev(at)->id.to_string());
  if (std::next(at) != backups.end()) hooks.tell("NEXT_BACKUP", std::next(at)->id.to_string());
  return hooks;
}

}  // namespace pgkeep::server
