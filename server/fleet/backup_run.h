#pragma once

#include <stop_token>

#include "catalog/store/repository.h"
#include "server/hooks/hooks.h"
#include "streaming/backup/take_backup.h"

namespace pgkeep::server {

/// streaming::take_backup() with the hooks of the server around it: one that must end well before the server
/// is asked, one when the backup is complete, one when there is none. Throws as that does.
store::BackupRecord take_backup(const store::Repository& repository, const ServerConfig& server,
                                streaming::BackupJob job, WithHooks with_hooks,
                                io::ProgressObserver& observer, const std::stop_token& stop);

}  // namespace pgkeep::server
