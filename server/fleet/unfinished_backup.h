#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/io/lock.h"
#include "catalog/store/backup_record.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// A backup that is being taken now, from the files: a folder without a commit record, and who holds the
/// lock.
struct UnfinishedBackup {
  store::BackupId id;
  io::LockOwner by;
  /// When all is stored and durable, and only WAL is missing.
  std::optional<store::BackupRecord> record;
};
/// Nothing when none is being taken: what an attempt that ended has left is not one.
std::optional<UnfinishedBackup> read_unfinished_backup(const store::ServerLayout& layout);

// As backup software calls it.
inline constexpr std::string_view kDone = "DONE";
std::string_view status_of(const UnfinishedBackup& backup);  // STARTED, WAITING_FOR_WALS

Json unfinished_json(const std::string& server, const UnfinishedBackup& backup);

}  // namespace pgkeep::server
