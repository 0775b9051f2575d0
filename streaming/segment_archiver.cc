#include "streaming/segment_archiver.h"

#include <cassert>
#include <utility>

namespace pgkeep::streaming {

SegmentArchiver::SegmentArchiver(catalog::WalArchive& archive, Archived archived)
    : archive_(&archive),
      archived_(std::move(archived)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

SegmentArchiver::~SegmentArchiver() = default;  // jthread asks to stop and joins

void SegmentArchiver::submit(catalog::PartialSegment segment, const postgres::TimelineHistory& line) {
  {
    const std::scoped_lock lock(mutex_);
    assert(under_way_ < kMostUnderWay);
    waiting_.push_back({std::move(segment), line});
    ++under_way_;
  }
  changed_.notify_all();
}

bool SegmentArchiver::wait_for_room(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  const bool room =
      changed_.wait_for(lock, at_most, [this] { return failure_ || under_way_ < kMostUnderWay; });
  if (failure_) std::rethrow_exception(failure_);
  return room;
}

void SegmentArchiver::wait_until_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return failure_ || under_way_ == 0; });
  if (failure_) std::rethrow_exception(failure_);
}

void SegmentArchiver::check() {
  const std::scoped_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
}

void SegmentArchiver::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); }) && !stop.stop_requested()) {
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    std::exception_ptr failure;
    try {
      archived_(archive_->store_segment(job.segment, job.line));
    } catch (...) {  // no exception may leave a thread: it is thrown where the stream runs
      failure = std::current_exception();
    }
    lock.lock();
    --under_way_;
    failure_ = failure;
    changed_.notify_all();
    if (failure) return;
  }
}

}  // namespace pgkeep::streaming
