#pragma once

#include "catalog/store/backup_lease.h"
#include "catalog/store/backup_record.h"
#include "catalog/store/contents.h"
#include "catalog/store/file_table.h"
#include "catalog/store/pack_set.h"
#include "catalog/store/pack_use.h"
#include "catalog/store/stored_manifest.h"

namespace pgkeep::store {

/// A committed backup, open for reading. Holds a lease on it while it lives, so that it is not deleted. One
/// thread for the table and the sections; pieces are read by any number of threads, each with an ObjectReader
/// of its own on packs(). Borrows the repository.
class BackupReader {
 public:
  /// Throws NotFound when there is no such committed backup, Busy when it is being deleted, Corruption when
  /// its record or table of contents is damaged.
  BackupReader(const Repository& repository, const ServerLayout& layout, const BackupId& id);

  const BackupRecord& record() const noexcept { return record_; }
  const Contents& contents() const noexcept { return contents_; }
  SectionReader& sections() noexcept { return sections_; }
  FileTable& files() noexcept { return files_; }
  /// PostgreSQL's manifest, for any thread.
  ManifestSource manifest() { return {packs_, contents_.manifest}; }
  PackUse::Packs pack_use() { return read_pack_use(sections_, contents_.packs); }
  PackSet& packs() noexcept { return packs_; }
  const ServerLayout& layout() const noexcept { return packs_.layout(); }
  /// A whole small file; throws NotFound, or Corruption when it is larger than `limit`.
  io::ByteVector read_small_file(std::string_view path, std::uint64_t limit);

 private:
  BackupLease lease_;
  BackupRecord record_;
  Contents contents_;
  PackSet packs_;
  SectionReader sections_;
  FileTable files_;
};

/// Streams a file's content piece by piece into `sink`, checking every piece and, at the end, the CRC of the
/// whole (throws Corruption naming the path). `buffer` is reused between files.
void read_file(const FileEntry& entry, ObjectReader& reader, io::ByteVector& buffer, io::ByteSink& sink);

}  // namespace pgkeep::store
