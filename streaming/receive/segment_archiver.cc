#include "streaming/receive/segment_archiver.h"

#include <cassert>
#include <optional>
#include <utility>

#include "catalog/io/failure.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::streaming {

SegmentArchiver::SegmentArchiver(const catalog::WalArchive& archive, int compression_level,
                                 io::WorkerPool& pool, Archived archived)
    : archive_(&archive),
      compression_level_(compression_level),
      pool_(&pool),
      archived_(std::move(archived)) {}

SegmentArchiver::~SegmentArchiver() {
  std::unique_lock lock(mutex_);
  waiting_.clear();
  changed_.wait(lock, [this] { return !at_work_; });
}

void SegmentArchiver::on_change(std::function<void()> call) {
  const std::scoped_lock lock(mutex_);
  on_change_ = std::move(call);
}

void SegmentArchiver::submit(catalog::PartialSegment segment, const postgres::TimelineHistory& line) {
  const std::scoped_lock lock(mutex_);
  assert(under_way_ < kMostUnderWay);
  waiting_.push_back({std::move(segment), line});
  ++under_way_;
  if (!at_work_ && !failure_) submit_task();
}

bool SegmentArchiver::has_room() const {
  const std::scoped_lock lock(mutex_);
  return under_way_ < kMostUnderWay;
}

void SegmentArchiver::check() const {
  const std::scoped_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void SegmentArchiver::wait_until_idle() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return failure_ || under_way_ == 0; });
  if (failure_) std::rethrow_exception(failure_);
}

void SegmentArchiver::submit_task() {
  pool_->submit([this] { work(); });
  at_work_ = true;  // the task cannot have ended yet: that takes the lock
}

void SegmentArchiver::work() {
  std::unique_lock lock(mutex_);
  std::exception_ptr failure;
  if (!waiting_.empty()) {
    std::optional<Job> job(std::move(waiting_.front()));
    waiting_.pop_front();
    lock.unlock();
    try {
      const auto stored =
          catalog::WalArchiveWriter(*archive_).store_segment(job->segment, job->line, compression_level_);
      archived_(stored);  // it may add to the archive itself
    } catch (...) {       // no exception may leave a pool's thread: it is thrown where the stream runs
      failure = io::current_failure();
    }
    job.reset();
    lock.lock();
    --under_way_;
  }
  failure_ = failure;
  // A new task, so that other servers have their turn. Without one the owner may be gone once we unlock.
  at_work_ = false;
  try {
    if (!failure_ && !waiting_.empty()) submit_task();
  } catch (...) {
    failure_ = io::current_failure();
  }
  if (on_change_) on_change_();
  changed_.notify_all();
}

}  // namespace pgkeep::streaming
