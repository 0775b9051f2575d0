#include "server/fleet/unfinished_backup.h"

#include <filesystem>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
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
  for (const auto& entry : io::entries(layout.backups())) {
    const auto id = store::BackupId::parse(entry.path().filename().native());
    if (id && (!newest || *newest < *id)) newest = id;
  }
  if (newest && io::is_there(layout.record(*newest))) newest.reset();
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
