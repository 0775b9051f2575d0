#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catalog/store/backup_reader.h"
#include "catalog/wal/wal_archive.h"
#include "recover/deliver/backup_survey.h"
#include "recover/deliver/delivery.h"
#include "recover/manifest_rewrite.h"
#include "recover/meter.h"
#include "recover/plan/plan.h"
#include "recover/recovery_settings.h"

namespace pgkeep::recover {

/// All that a recovery decides before it writes: the open backup, read as far as it can make a recovery fail
/// (its packs, pg_control, the WAL up to consistency, configuration, tablespace map and manifest), and from
/// that what is to be written where. Borrows the plan and the meter, which counts what is delivered. Holds
/// the backup, so that it is not deleted. One thread, except for the content of the files that it gives.
class PreparedRecovery {
 public:
  /// Throws Corruption, Refused, NotFound or StorageError for what is stored.
  PreparedRecovery(const RecoveryPlan& plan, const store::Repository& repository,
                   const store::ServerLayout& layout, Meter& meter);
  PreparedRecovery(const PreparedRecovery&) = delete;
  PreparedRecovery& operator=(const PreparedRecovery&) = delete;

  const RecoveryPlan& plan() const noexcept { return *plan_; }
  const RecoverySettings& settings() const noexcept { return settings_; }
  const std::string& data_directory() const noexcept { return paths_.data_directory(); }
  /// The destination first, then the tablespaces: those of the backup and those that replay creates.
  const std::vector<DeliveryRoot>& roots() const noexcept { return roots_; }
  /// Path and mode of each directory, parents first.
  std::vector<std::pair<std::string, std::uint32_t>> directories() const;
  /// Path and target of each symbolic link: those of tablespaces.
  std::vector<std::pair<std::string, std::string>> links() const;
  /// All files but pg_control; once. `workers`: how many threads will ask for their content.
  void give_files(unsigned workers, const Delivery::Give& give);
  /// global/pg_control, without which PostgreSQL does not start.
  DeliveredFile control_file() const;

 private:
  /// What one worker needs for reading the backup's files.
  struct Worker {
    explicit Worker(store::PackSet& packs) : reader(packs) {}
    store::ObjectReader reader;
    io::ByteVector buffer;
  };
  void require_packs();
  void read_control_file();
  void prepare_settings();
  void review_missing_configuration(bool has_main);
  void prepare_tablespace_map();
  void prepare_manifest();
  void prepare_wal();
  void read_wal_to_consistency();
  void prepare_roots();

  std::optional<std::string> small_text_file(std::string_view path, std::uint64_t limit);
  void write_manifest(io::ByteSink& out);
  DeliveredFile file_of_backup(store::FileEntry&& entry);
  DeliveredFile made(std::string_view path, std::uint64_t size,
                     std::function<void(io::ByteSink&)> content) const;
  DeliveredFile made_text(std::string_view path, std::string text) const;

  const RecoveryPlan* plan_;
  Meter* meter_;
  store::BackupReader backup_;
  catalog::WalArchive archive_;
  DestinationPaths paths_;
  BackupSurvey survey_;
  io::ByteVector control_;  // global/pg_control
  RecoverySettings settings_;
  std::map<std::string, ChangedFile> changed_files_;  // against the manifest
  bool manifest_as_stored_ = false;                   // since its version is not known
  std::vector<DeliveredFile> made_;                   // what is delivered beside the backup's files
  std::vector<DeliveryRoot> roots_;
  std::deque<Worker> workers_;
};

}  // namespace pgkeep::recover
