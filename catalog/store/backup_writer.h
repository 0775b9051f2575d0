#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/postgres/backup_manifest.h"
#include "catalog/store/backup_reader.h"
#include "catalog/store/backup_record.h"

namespace pgkeep::store {

struct BackupWriterSettings {
  int compression_level = 1;
  unsigned workers = 0;  // threads that digest and compress; 0: one a core, eight at most
};

/// What comparing the stored files with PostgreSQL's manifest found.
struct ManifestComparison {
  postgres::ManifestSummary summary;
  std::uint64_t problem_count = 0;    // 0: every file is as the server said
  std::vector<std::string> problems;  // of the first few, a message each
};

/// Stores one base backup: takes files in any order, a file's bytes in order, and keeps of each piece only
/// what the previous backup does not have.
///
/// The caller's thread cuts pieces; workers digest, compare and compress them; one thread writes packs and
/// remembers the files in the order of arrival. Memory is a fixed number of pieces, and some 60 bytes a file.
/// Order of writes: packs (each fsynced and renamed into place), `contents` (the same), the record under the
/// name of one that waits for WAL, and last, by commit(), its renaming to backup.json. Whatever ends the
/// process before that leaves no backup, and what is left is swept by the next sweep_unfinished() (sweep.h).
///
/// Threads: all calls from one. Errors of the other threads are thrown by the next call. Destroyed without
/// commit(): everything written is removed again.
class BackupWriter {
 public:
  /// `previous` is what to compare with; borrowed, like the repository, until the writer is gone.
  BackupWriter(const Repository& repository, const ServerLayout& layout, const BackupId& id,
               BackupReader* previous, const BackupWriterSettings& settings);
  ~BackupWriter();
  BackupWriter(const BackupWriter&) = delete;
  BackupWriter& operator=(const BackupWriter&) = delete;

  void directory(std::string_view path, std::uint32_t mode, std::int64_t modified);
  void begin_file(std::string_view path, std::uint64_t size, std::uint32_t mode, std::int64_t modified);
  /// All calls since begin_file() together bring exactly `size` bytes.
  void file_data(io::ByteView bytes);
  void end_file();
  /// Waits until all that came is in packs.
  void finish_files();

  /// The manifest's bytes as the server sent them, in pieces of any size; after finish_files().
  void manifest_data(io::ByteView bytes);
  ManifestComparison finish_manifest();

  std::uint64_t file_count() const noexcept;
  std::uint64_t data_bytes() const noexcept;
  /// Bytes on their way or in packs so far, for progress.
  BackupCost cost() const noexcept;
  /// Pieces whose previous object could not be read and that were therefore stored again.
  std::uint64_t healed_pieces() const noexcept;

  /// Makes everything durable but the commit, after which there is only WAL to wait for; others see from the
  /// files that it is so. Fills in file_count, data_bytes, cost, compared_with, the digests and
  /// the place in the chain of records (commit_chain.h): the caller holds the writer lock from here to
  /// commit().
  void prepare(BackupRecord& record);
  /// Makes it a backup; prepare() first, unless that was done.
  void commit(BackupRecord& record);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pgkeep::store
