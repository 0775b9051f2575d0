#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/disk_space.h"
#include "catalog/io/progress.h"
#include "catalog/store/backup_writer.h"
#include "streaming/backup/pace.h"
#include "streaming/receive/wal_receiver.h"
#include "streaming/wire/base_backup.h"

namespace pgkeep::streaming {

/// Files of a data directory, each followed by what the server calls it: "base/5/16384 (table
/// public.accounts, database shop)". What keeps it from being asked is a note; throws nothing but
/// Interrupted.
using AskRelationNames =
    std::function<std::vector<std::string>(postgres::SystemIdentifier system, std::vector<std::string> paths,
                                           io::ProgressObserver& observer, const std::stop_token& stop)>;

struct BackupJob {
  std::string server;             // its name in the configuration
  ConnectionSettings connection;  // application_name pgkeep_backup
  /// Of a receiver of our own, when none runs for the server; nothing: one that runs is waited for.
  std::optional<WalReceiverSettings> wal;
  BaseBackupOptions base_backup;
  store::BackupWriterSettings store;
  io::Reserve reserve;              // of the repository's file system: below it no backup is taken
  AskRelationNames relation_names;  // of files with damaged pages; may be empty
  Pace::Rate bandwidth;  // of what the server sends, besides BaseBackupOptions::max_rate_kib; may be empty
  // Parts of the run that belong to the caller; may be empty. What they tell the observer is recorded.
  /// Before anything is asked of the server. What it throws ends the run.
  std::function<void(const store::BackupId& id, io::ProgressObserver& observer)> before;
  /// When the backup is one, whatever happens now.
  std::function<void(const store::BackupRecord& backup, io::ProgressObserver& observer)> after;
};

/// Takes one base backup and returns its committed record.
///
/// Order: writer lock; sweep of what unfinished attempts left; is there room for what the last backups added
/// (room_for_backup.h; Refused when there is not, also later, when the reserve is reached); the node that a
/// receiver would choose, its identity and line of timelines (off the line of what was received, its WAL
/// would never come: OtherBranch); WAL is being received (by a running receiver, or by one of our own that
/// lives as long as the backup); BASE_BACKUP into the store, compared with the newest backup; manifest
/// compared; all of it made durable; all WAL from start to end archived; commit record; index row. Anything
/// thrown before the commit record leaves no backup. `run` in the journal and index says how it went, also
/// when it failed. Throws what its parts throw; Busy when another writer is at work; Interrupted after the
/// server's side was told to stop.
store::BackupRecord take_backup(const store::Repository& repository, const BackupJob& job,
                                io::ProgressObserver& observer, std::stop_token stop);

}  // namespace pgkeep::streaming
