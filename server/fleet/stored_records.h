#pragma once

#include <optional>
#include <span>
#include <vector>

#include "catalog/index/recovery_window.h"
#include "catalog/index/server_catalog.h"
#include "server/config/config.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What is stored for a server, for commands that only read: out of the index, or out of the files themselves
/// where the index cannot be opened for writing, as on a snapshot that is mounted read-only, or another
/// process keeps it. One thread.
class StoredRecords {
 public:
  /// Throws NotFound when nothing was ever stored for the server; warns like open_catalog(), and when it goes
  /// on without the index.
  StoredRecords(const ServerConfig& server, const store::ServerLayout& layout, Output& out);

  /// Oldest first, those of lines that were set aside before all others.
  std::vector<store::BackupRecord> backups();
  std::vector<catalog::SegmentRow> segments();  // by timeline and number; without times from files
  std::vector<catalog::RunRecord> runs(std::size_t newest);  // newest first
  std::uint64_t wal_stored_bytes();
  /// Nothing without the index, too.
  std::optional<catalog::RecoveryWindow> recovery_window(const catalog::WalArchive& archive,
                                                         const catalog::HeldWal& wal,
                                                         std::span<const catalog::Event> events);

 private:
  store::ServerLayout layout_;
  std::optional<catalog::ServerCatalog> index_;
  std::vector<store::BackupRecord> backups_;  // without the index, like the next
  std::vector<catalog::SegmentRow> segments_;
};

/// The complete segments as the files tell, without times.
std::vector<catalog::SegmentRow> segments_in_files(const catalog::WalArchive& archive);

}  // namespace pgkeep::server
