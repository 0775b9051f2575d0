#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>

#include "catalog/io/worker_pool.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::streaming {

/// Archives the complete segments of one server by tasks in a pool, one at a time and in the order in which
/// they come, so that the stream and its replies need not wait for compression.
///
/// Borrows the archive and the pool. What is dropped at the end, or after a failure, stays in its partial
/// file, and the next start archives it. Thread-safe; `archived` and `on_change` are called from the pool's
/// threads, and must not throw.
class SegmentArchiver {
 public:
  /// So many partials lie beside the one being received, however slow the disk.
  static constexpr std::size_t kMostUnderWay = 2;
  using Archived = std::function<void(const catalog::SegmentFileHeader&)>;

  SegmentArchiver(const catalog::WalArchive& archive, int compression_level, io::WorkerPool& pool,
                  Archived archived);
  SegmentArchiver(const SegmentArchiver&) = delete;
  SegmentArchiver& operator=(const SegmentArchiver&) = delete;
  /// Finishes the segment in hand and drops the others.
  ~SegmentArchiver();

  /// Replaces what is called whenever there is room again or archiving has failed; it must not call back. The
  /// one before is not called any more.
  void on_change(std::function<void()> call);
  /// To be called only when there is room.
  void submit(catalog::PartialSegment segment, const postgres::TimelineHistory& line);
  bool has_room() const;
  /// Throws what archiving has failed with; so does the next one.
  void check() const;
  void wait_until_idle() const;

 private:
  struct Job {
    catalog::PartialSegment segment;
    postgres::TimelineHistory line;
  };
  void submit_task();
  void work();

  const catalog::WalArchive* archive_;
  int compression_level_;
  io::WorkerPool* pool_;
  Archived archived_;
  mutable std::mutex mutex_;  // guards what follows
  std::function<void()> on_change_;
  std::deque<Job> waiting_;
  std::size_t under_way_ = 0;  // waiting or in hand
  bool at_work_ = false;       // a task is given to the pool
  std::exception_ptr failure_;
  mutable std::condition_variable changed_;
};

}  // namespace pgkeep::streaming
