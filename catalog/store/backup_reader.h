#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "catalog/store/backup_lease.h"
#include "catalog/store/backup_record.h"
#include "catalog/store/file_table.h"
#include "catalog/store/pack_set.h"

namespace pgkeep::store {

/// A committed backup, open for reading. Holds a lease on it while it lives, so that it is not deleted. One
/// thread for the table; pieces are read by any number of threads, each with an ObjectReader of its own on
/// packs(). Borrows the repository.
class BackupReader {
 public:
  /// Throws NotFound when there is no such committed backup, Busy when it is being deleted, Corruption when
  /// its record or table is damaged
  /// (`check_table`: the whole of files.db against the digest in the record).
  BackupReader(const Repository& repository, const ServerLayout& layout, const BackupId& id,
               bool check_table);

  const BackupRecord& record() const noexcept { return record_; }
  FileTable& files() noexcept { return files_; }
  PackSet& packs() noexcept { return packs_; }
  const ServerLayout& layout() const noexcept { return packs_.layout(); }
  /// A whole small file; throws NotFound, or Corruption when it is larger than `limit`.
  io::ByteVector read_small_file(std::string_view path, std::uint64_t limit);

 private:
  BackupLease lease_;
  BackupRecord record_;
  FileTable files_;
  PackSet packs_;
};

/// Throws Corruption unless files.db is, byte for byte, what the record says it was.
void check_file_table(const ServerLayout& layout, const BackupRecord& record);

/// Streams a file's content piece by piece into `sink`, checking every piece and, at the end, the CRC of the
/// whole (throws Corruption naming the path). `buffer` is reused between files.
void read_file(const FileEntry& entry, ObjectReader& reader, io::ByteVector& buffer, io::ByteSink& sink);

}  // namespace pgkeep::store
