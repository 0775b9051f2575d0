#pragma once

#include "catalog/store/backup_id.h"
#include "catalog/store/layout.h"
#include "server/hooks/hooks.h"

namespace pgkeep::server {

/// The hooks around the deletion of one backup, by an operator or because it has expired.
Hooks deletion_hooks(const ServerConfig& server, const store::ServerLayout& layout, const store::BackupId& id,
                     WithHooks with_hooks);

}  // namespace pgkeep::server
