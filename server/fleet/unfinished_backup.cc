#include "server/fleet/unfinished_backup.h"

#include <filesystem>

#include "catalog/io/error.h"
#include "catalog/store/json.h"
#include "server/fleet/backup_facts.h"

namespace pgkeep::server {
namespace {

constexpr std::string_view kStarted = "STARTED";
constexpr std::string_view kWaiting = "WAITING_FOR_WALS";
constexpr std::string_view kPurpose = "backup";

/// The newest folder of a backup that is not one yet.
std::optional<store::BackupId> newest_uncommitted(const store::ServerLayout& layout) {
  std::optional<store::BackupId> newest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(layout.backups(), error)) {
    const auto id = store::BackupId::parse(entry.path().filename().native());
    if (id && (!newest || *newest < *id)) newest = id;
  }
  if (error && error != std::errc::no_such_file_or_directory)
    throw StorageError(error.value(), layout.backups(), "list");
  if (newest && std::filesystem::exists(layout.record(*newest), error)) newest.reset();
  return newest;
}

}  // namespace

std::optional<UnfinishedBackup> read_unfinished_backup(const store::ServerLayout& layout) {
  const auto holder = io::FileLock::holder(layout.writer_lock());
  if (!holder || holder->purpose != kPurpose) return std::nullopt;
  const auto id = newest_uncommitted(layout);
  if (!id) return std::nullopt;
  return UnfinishedBackup{*id, *holder, store::read_waiting_record(layout, *id)};
}

std::string_view status_of(const UnfinishedBackup& backup) {
  return backup.record ? kWaiting : kStarted;
}

Json unfinished_json(const std::string& server, const UnfinishedBackup& backup) {
  auto json = backup.record ? backup_json(*backup.record) : Json{{"id", backup.id}, {"server", server}};
  json["status"] = status_of(backup);
  json["process"] = backup.by.pid;
  return json;
}

}  // namespace pgkeep::server
