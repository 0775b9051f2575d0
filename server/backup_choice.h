#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "catalog/store/backup_record.h"

namespace pgkeep::server {

/// The backup that an operator means: its id, `latest` or `last`, `oldest` or `first`, or the beginning of
/// one id only. `backups` are those of one server, oldest first. Throws NotFound, or UsageError when several
/// begin so.
const store::BackupRecord& choose_backup(std::span<const store::BackupRecord> backups,
                                         std::string_view wanted, std::string_view server);

/// Words that choose_backup() understands, and `auto`, which recover does: "the newest that reaches the
/// target".
inline constexpr std::string_view kAutomaticChoice = "auto";

}  // namespace pgkeep::server
