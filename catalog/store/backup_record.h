#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "catalog/io/units.h"
#include "catalog/postgres/backup_manifest.h"
#include "catalog/postgres/timeline.h"
#include "catalog/postgres/wal_segment.h"
#include "catalog/store/backup_id.h"
#include "catalog/store/layout.h"

namespace pgkeep::store {

/// Names and places are bytes to PostgreSQL, in whatever encoding: they come back as they were.
struct TablespaceRecord {
  std::uint32_t oid = 0;
  std::string name;      // empty when the server did not tell it
  std::string location;  // on the server; relative: in-place
};

/// Where the server had its configuration while the backup was taken; empty: not shown to our role.
struct ConfigurationFiles {
  std::string data_directory;
  std::string config_file;
  std::string hba_file;
  std::string ident_file;
  std::string hosts_file;  // 19
  /// Setting and path of each file that lies outside of the data directory, and so is not in the backup.
  std::vector<std::pair<std::string_view, std::string>> outside() const;
};

/// How the pieces of a backup were stored; bytes are what was added to the repository by this backup.
struct BackupCost {
  std::uint64_t full_objects = 0;
  std::uint64_t delta_objects = 0;
  std::uint64_t reused_pieces = 0;
  std::uint64_t zero_pieces = 0;
  std::uint64_t pack_bytes = 0;
  std::uint64_t metadata_bytes = 0;  // file table and manifest
};

void to_json(nlohmann::ordered_json& json, const BackupCost& cost);

/// backup.json: the commit record, written last. Without it there is no backup. Format version 2.
struct BackupRecord {
  explicit BackupRecord(BackupId backup_id) : id(std::move(backup_id)) {}

  BackupId id;
  std::string server;
  std::string label;
  postgres::SystemIdentifier system;
  std::string server_version;  // "18.6"
  int major_version = 0;
  postgres::WalSegmentSize wal_segment_size;
  std::uint32_t block_bytes = 0;
  bool data_checksums = false;
  bool from_standby = false;
  postgres::WalPosition start;                         // replay begins here
  postgres::WalPosition end;                           // replay must reach this to be consistent
  std::vector<postgres::ManifestWalRange> wal_ranges;  // as the manifest has them
  io::TimePoint started;
  io::TimePoint ended;  // everything received; recovery targets in time must lie after
  std::uint64_t file_count = 0;
  std::uint64_t data_bytes = 0;  // sum of file sizes
  std::vector<TablespaceRecord> tablespaces;
  std::uint32_t directory_mode = 0700;  // 0700 or 0750
  ConfigurationFiles configuration;
  BackupCost cost;
  std::optional<BackupId> compared_with;  // information only; nothing depends on it
  bool checksums_verified = true;         // whether PostgreSQL was to look, where there are checksums
  std::uint64_t checksum_failures = 0;    // data pages that PostgreSQL found damaged while sending
  /// Files that its warnings of those name, some with what the server calls the relation, at most 21.
  std::vector<std::string> damaged_files;
  std::vector<std::string> notices;  // warnings of the server, in order
  /// Of all backups of the server, from 1 on: its place in the chain of records (commit_chain.h).
  std::uint64_t sequence = 1;
  std::optional<std::string> previous_record_sha256;  // hexadecimal; nothing: there was none before
  std::string contents_sha256;                        // of the file `contents`, hexadecimal
  std::string manifest_sha256;                        // of PostgreSQL's manifest as it was sent
  /// No item, but that of the file it was read from; empty when it was read from elsewhere.
  std::string record_sha256;

  /// Whether PostgreSQL looked at all pages that have checksums, and found none damaged.
  bool has_sound_pages() const { return data_checksums && checksums_verified && checksum_failures == 0; }

  /// The text of backup.json, sealed (io/sealed_json.h).
  std::string to_json() const;
  /// Throws Corruption naming the item.
  static BackupRecord from_json(std::string_view json);
};

/// Whether `a` lies before `b`: in the server's own order, by the timeline and LSN where replay begins and
/// then by those where it may end. The clocks of servers and backup host decide nothing: they are set back,
/// and differ. Every list of backups is in this order, so that its last is the newest.
bool is_older(const BackupRecord& a, const BackupRecord& b);

/// Nothing when the backup is not committed.
std::optional<BackupRecord> read_backup_record(const ServerLayout& layout, const BackupId& id);
/// Of a backup that is complete but for WAL; nothing when it is not, or not only, that.
std::optional<BackupRecord> read_waiting_record(const ServerLayout& layout, const BackupId& id);
/// A backup that is there and whose record tells nothing: no list has it, nor is it gone.
struct UnreadBackup {
  BackupId id;
  std::string why;      // the path, and what is wrong
  bool denied = false;  // this user may not open the record, which says nothing of the backup; else damaged
};

/// One line for a warning: why, and of which backup.
std::string describe(const UnreadBackup& backup);

/// The committed backups, oldest first (is_older()). One whose record cannot be read is in `unread` instead.
struct BackupListing {
  std::vector<BackupRecord> backups;
  std::vector<UnreadBackup> unread{};
};
BackupListing list_backup_records(const ServerLayout& layout);

}  // namespace pgkeep::store
