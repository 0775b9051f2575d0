#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/io/progress.h"
#include "catalog/store/backup_writer.h"
#include "streaming/backup/pace.h"
#include "streaming/wire/base_backup.h"
#include "streaming/wire/tar_reader.h"

namespace pgkeep::streaming {

/// Carries a base backup from the wire into the store: unpacks its tar archives, gives every file its path
/// relative to the data directory (tablespaces below pg_tblspc/OID), and keeps a copy of the few small files
/// that say what the backup is. Borrows all it is given. One thread.
class BackupSink final : public BaseBackupSink, private TarSink {
 public:
  /// `expected_bytes` is an estimate for progress until the server has told its own; 0: none.
  BackupSink(store::BackupWriter& writer, io::ProgressObserver& observer, std::uint64_t expected_bytes,
             std::stop_token stop);

  /// `review` is called with the tablespaces that the server announced, before any byte of them comes; what
  /// it throws ends the backup.
  void before_copying(std::function<void(const std::vector<Tablespace>&)> review) {
    before_copying_ = std::move(review);
  }

  /// `look` is called once in a few MiB that arrive, and about once a second, likewise.
  void while_copying(std::function<void()> look) { while_copying_ = std::move(look); }

  /// Takes what arrives no faster than that.
  void keep_to(Pace pace) { pace_ = std::move(pace); }

  void started(const postgres::WalPosition& start, const std::vector<Tablespace>& tablespaces) override;
  void archive_begins(const Tablespace& tablespace) override;
  void archive_data(io::ByteView bytes) override;
  void archive_ends() override;
  void manifest_data(io::ByteView bytes) override;

  const postgres::WalPosition& start() const noexcept { return start_; }
  const std::vector<Tablespace>& tablespaces() const noexcept { return tablespaces_; }
  /// backup_label, tablespace_map or global/pg_control as they were sent; throws ProtocolError when it did
  /// not come.
  std::string_view small_file(const std::string& path) const;
  bool has_small_file(const std::string& path) const { return small_files_.contains(path); }

 private:
  void entry(const TarEntry& entry) override;
  void data(io::ByteView bytes) override;
  void end_of_file() override;

  store::BackupWriter* writer_;
  io::ProgressObserver* observer_;
  std::function<void(const std::vector<Tablespace>&)> before_copying_;
  std::function<void()> while_copying_;
  std::optional<Pace> pace_;
  std::stop_token stop_;
  std::uint64_t expected_bytes_;
  std::uint64_t received_bytes_ = 0;
  std::uint64_t reported_bytes_ = 0;
  std::chrono::steady_clock::time_point looked_at_ = std::chrono::steady_clock::now();
  postgres::WalPosition start_;
  std::vector<Tablespace> tablespaces_;
  std::string prefix_;  // of the archive being received
  std::unique_ptr<TarReader> tar_;
  std::map<std::string, std::string> small_files_;
  std::string* keeping_ = nullptr;  // the small file being received
  bool files_finished_ = false;
};

}  // namespace pgkeep::streaming
