#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

#include "catalog/wal_archive.h"

namespace pgkeep::streaming {

/// Archives complete segments in a thread of its own, in the order in which they come, so that the stream and
/// its replies need not wait for compression.
///
/// Borrows the archive. What is dropped at the end, or after a failure, stays in its partial file, and the
/// next start archives it. Threads: all calls from one; `archived` is called from the archiver's, and must
/// not throw.
class SegmentArchiver {
 public:
  /// So many partials lie beside the one being received, however slow the disk.
  static constexpr std::size_t kMostUnderWay = 2;
  using Archived = std::function<void(const catalog::SegmentFileHeader&)>;

  SegmentArchiver(catalog::WalArchive& archive, Archived archived);
  SegmentArchiver(const SegmentArchiver&) = delete;
  SegmentArchiver& operator=(const SegmentArchiver&) = delete;
  /// Finishes the segment in hand and drops the others.
  ~SegmentArchiver();

  /// To be called only when there is room.
  void submit(catalog::PartialSegment segment, const postgres::TimelineHistory& line);
  /// False when there was none before the time was over. Throws what archiving has failed with; so do the
  /// next two.
  bool wait_for_room(std::chrono::milliseconds at_most);
  void wait_until_idle();
  void check();

 private:
  struct Job {
    catalog::PartialSegment segment;
    postgres::TimelineHistory line;
  };
  void work(const std::stop_token& stop);

  catalog::WalArchive* archive_;
  Archived archived_;
  std::mutex mutex_;  // guards the three below
  std::deque<Job> waiting_;
  std::size_t under_way_ = 0;  // waiting or in hand
  std::exception_ptr failure_;
  std::condition_variable_any changed_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::streaming
