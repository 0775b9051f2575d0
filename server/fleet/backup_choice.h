#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "catalog/store/backup_record.h"

namespace pgkeep::server {

/// The backup that an operator means: its id, `latest` or `last`, `oldest` or `first`, or the beginning of
/// one id only. `backups` are those of one server, oldest first; `unread` are those of it that are there and
/// cannot be read, asked for only when none of `backups` is meant. Throws NotFound, UsageError when several
/// begin so, and Error for one that cannot be read.
using UnreadBackups = std::function<std::vector<store::UnreadBackup>()>;
const store::BackupRecord& choose_backup(std::span<const store::BackupRecord> backups,
                                         std::string_view wanted, std::string_view server,
                                         const UnreadBackups& unread);
/// The `unread` of a server, from its files.
UnreadBackups unread_in_files(const store::ServerLayout& layout);

/// Words that choose_backup() understands, and `auto`, which recover does: "the newest that reaches the
/// target".
inline constexpr std::string_view kAutomaticChoice = "auto";

/// The layout with the WAL that a wanted backup is recovered with: that of the line it belongs to. `auto`
/// means the current line, or, while that has no backup, the one that was set aside last and has one.
store::ServerLayout layout_for_backup(const store::ServerLayout& layout, std::string_view wanted,
                                      std::string_view server);

}  // namespace pgkeep::server
