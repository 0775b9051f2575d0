#include "catalog/store/piece_pipeline.h"

#include "catalog/io/failure.h"

namespace pgkeep::store {
namespace {

constexpr std::size_t kSlotsPerWorker = 12;

}  // namespace

PiecePipeline::PiecePipeline(unsigned workers, const std::function<ObjectEncoder()>& make_encoder,
                             std::function<void(PieceSlot&)> consume)
    : ring_(kSlotsPerWorker * (workers + 1)), consume_(std::move(consume)) {
  for (auto& stage : ring_) stage.slot.bytes.resize(kPieceBytes);
  for (unsigned i = 0; i <= workers; ++i) encoders_.push_back(make_encoder());
  try {
    for (unsigned i = 0; i < workers; ++i) workers_.emplace_back([this, i] { work(encoders_[i]); });
  } catch (...) {  // no more threads to be had; those that began must end
    stop();
    throw;
  }
}

PiecePipeline::~PiecePipeline() {
  stop();
}

void PiecePipeline::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  to_encode_.notify_all();
}

PieceSlot& PiecePipeline::acquire() {
  std::unique_lock lock(mutex_);
  while (!failure_ && submitted_ - consumed_ == ring_.size()) {
    if (!encode_one(lock, encoders_.back())) consumed_one_.wait(lock);
  }
  rethrow();
  auto& slot = stage(submitted_).slot;
  slot.size = 0;
  slot.previous.reset();
  slot.begins.reset();
  slot.ends = false;
  return slot;
}

void PiecePipeline::submit() {
  {
    const std::scoped_lock lock(mutex_);
    rethrow();
    stage(submitted_).encoded = false;
    ++submitted_;
  }
  to_encode_.notify_one();
}

void PiecePipeline::drain() {
  std::unique_lock lock(mutex_);
  while (!failure_ && consumed_ != submitted_) {
    if (!encode_one(lock, encoders_.back())) consumed_one_.wait(lock);
  }
  rethrow();
}

void PiecePipeline::work(ObjectEncoder& encoder) {
  std::unique_lock lock(mutex_);
  while (!stopping_ && !failure_) {
    if (!encode_one(lock, encoder)) to_encode_.wait(lock);
  }
}

bool PiecePipeline::encode_one(std::unique_lock<std::mutex>& lock, ObjectEncoder& encoder) {
  if (encoding_ == submitted_) return false;
  auto& mine = stage(encoding_++);
  lock.unlock();
  try {
    if (mine.slot.size != 0) encoder.encode(mine.slot.content(), mine.slot.previous, mine.slot.encoded);
    lock.lock();
  } catch (...) {
    lock.lock();
    fail();
    return true;
  }
  mine.encoded = true;
  consume_due(lock);
  return true;
}

void PiecePipeline::consume_due(std::unique_lock<std::mutex>& lock) {
  if (consuming_) return;  // who consumes now looks again before it ends
  consuming_ = true;
  while (!failure_ && !stopping_ && consumed_ != encoding_ && stage(consumed_).encoded) {
    auto& due = stage(consumed_);
    lock.unlock();
    try {
      consume_(due.slot);
      lock.lock();
    } catch (...) {
      lock.lock();
      fail();
      break;
    }
    due.encoded = false;
    ++consumed_;
    consumed_one_.notify_one();
  }
  consuming_ = false;
}

void PiecePipeline::fail() {
  if (!failure_) failure_ = io::current_failure();
  to_encode_.notify_all();
  consumed_one_.notify_all();
}

void PiecePipeline::rethrow() {
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace pgkeep::store
