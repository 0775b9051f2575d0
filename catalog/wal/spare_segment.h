#pragma once

#include <filesystem>
#include <memory>

#include "catalog/io/file.h"
#include "catalog/io/worker_pool.h"
#include "catalog/postgres/wal_segment.h"
#include "catalog/store/layout.h"

namespace pgkeep::catalog {

/// What stands for the bytes of a segment that have not come yet. Both read as zeroes, and no later write
/// finds the disk full.
enum class Filling {
  zeroes,  // written: a later sync has no extents to convert, and commits that wait for it are answered
           // sooner
  room     // reserved: nothing is written twice, which costs the disk and us half as much
};

/// Makes an empty file as long as a segment; the caller syncs it. Zeroes also where the file system knows no
/// reserving.
void fill(io::File& file, postgres::WalSegmentSize size, Filling filling);

/// The next partial segment, made ahead: filling 16 MiB takes some 30 ms in which no commit is acknowledged,
/// a rename does not. The file's name (ServerLayout::spare_segment()) counts for nothing; it is full of
/// zeroes and fsynced before it is renamed, and the folder is fsynced after that. One thread, but for the
/// pool's.
class SpareSegment {
 public:
  SpareSegment(const store::ServerLayout& layout, postgres::WalSegmentSize size);
  SpareSegment(const SpareSegment&) = delete;
  SpareSegment& operator=(const SpareSegment&) = delete;
  /// Removes the file.
  ~SpareSegment();

  /// Removes what a crash may have left.
  void discard();
  /// Has the file made, unless it is there or being made. A full disk is no failure: then there is none.
  void prepare(io::WorkerPool& pool, Filling filling);
  /// Gives it the name `partial`, replacing what is there. False when there is none: one that was not begun
  /// is given up, one that is being made is waited for. Throws StorageError.
  bool become(const std::filesystem::path& partial);

 private:
  class Preparation;
  bool finish_preparation();

  std::filesystem::path path_;
  postgres::WalSegmentSize size_;
  std::shared_ptr<Preparation>
      preparation_;  // shared with the pool: a task may outlive us that begins nothing
};

}  // namespace pgkeep::catalog
