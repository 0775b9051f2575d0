#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/store/backup_record.h"

namespace pgkeep::server {

/// What is asked for only when the records do not tell which backup is meant.
struct BackupLookup {
  std::function<std::vector<store::UnreadBackup>()> unread;  // that are there and cannot be read
  std::function<std::map<std::string, store::BackupId>()> names;
};
/// From the files of a server.
BackupLookup lookup_in_files(const store::ServerLayout& layout);

/// The backup that an operator means: its id, its name, `latest` or `last`, `oldest` or `first`, or the
/// beginning of one id only. `backups` are those of one server, oldest first. Throws NotFound, UsageError
/// when several begin so, and Error for one that cannot be read.
const store::BackupRecord& choose_backup(std::span<const store::BackupRecord> backups,
                                         std::string_view wanted, std::string_view server,
                                         const BackupLookup& lookup);

/// The id where `wanted` is the name of a backup, else `wanted` itself.
std::string id_of_name(const store::ServerLayout& layout, const std::string& wanted);

/// Why a backup cannot have that name; empty when it can. A name cannot be taken for an id, the beginning of
/// one, or a word that means a backup: it begins with a letter.
std::string why_no_name(std::string_view name);

/// Words that choose_backup() understands, and `auto`, which recover does: "the newest that reaches the
/// target".
inline constexpr std::string_view kAutomaticChoice = "auto";

/// The layout with the WAL that a wanted backup is recovered with: that of the line it belongs to. `auto`
/// means the current line, or, while that has no backup, the one that was set aside last and has one.
store::ServerLayout layout_for_backup(const store::ServerLayout& layout, std::string_view wanted,
                                      std::string_view server);

}  // namespace pgkeep::server
