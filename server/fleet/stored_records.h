#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "catalog/index/recovery_window.h"
#include "catalog/index/server_catalog.h"
#include "server/config/config.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What is stored for a server, for commands that only read: out of the index, with what it lacks out of the
/// files; or everything from the files where the index cannot be had, as on a snapshot that is mounted
/// read-only, or where another process keeps it. One that is missing or damaged is made again. Warns of files
/// that cannot be read. One thread; borrows what it is given.
class StoredRecords {
 public:
  /// Throws NotFound when nothing was ever stored for the server; warns when it continues without the index.
  StoredRecords(const ServerConfig& server, const store::ServerLayout& layout, Warn warn);
  StoredRecords(const ServerConfig& server, const store::ServerLayout& layout, Output& out)
      : StoredRecords(server, layout, warnings_to(out)) {}

  /// Oldest first, those of lines that were set aside before all others.
  std::vector<store::BackupRecord> backups();
  std::vector<catalog::RunRecord> runs(std::size_t newest);  // newest first
  /// Of the segments that `names` has, by timeline and number; without the index without times.
  std::vector<catalog::SegmentRow> segments(const catalog::WalArchive& archive,
                                            const catalog::WalInventory& names);
  /// Of `backups` and `segments` as above. Nothing without the index, too.
  std::optional<catalog::RecoveryWindow> recovery_window(std::span<const store::BackupRecord> backups,
                                                         std::span<const catalog::SegmentRow> segments,
                                                         const catalog::WalArchive& archive,
                                                         const catalog::HeldWal& wal,
                                                         std::span<const catalog::Event> events) const;

 private:
  void make_index();
  void put_index_right();
  void warn_once(const std::string& problem);
  template <typename Step>
  void if_possible(Step&& step);
  template <typename Question, typename FromFiles>
  auto ask(Question&& question, FromFiles&& from_files);

  const ServerConfig* server_;
  store::ServerLayout layout_;
  Warn warn_;
  std::optional<catalog::ServerCatalog> index_;
  std::set<std::string> warned_;
};

/// The segments that `names` has as the files tell, without times.
std::vector<catalog::SegmentRow> segments_in_files(const catalog::WalArchive& archive,
                                                   const catalog::WalInventory& names);

std::uint64_t stored_bytes(std::span<const catalog::SegmentRow> segments);

}  // namespace pgkeep::server
