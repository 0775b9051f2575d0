#include "streaming/receive/wal_disk.h"

#include <utility>

#include "catalog/io/failure.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kKeptBytes = 64u << 10;
constexpr std::chrono::seconds kKeptTime{1};

}  // namespace

WalDisk::WalDisk(WalWriter writer, const postgres::TimelineHistory& line, SegmentArchiver& archiver,
                 io::WorkerPool& pool, WalMemory& memory, std::function<void()> news)
    : writer_(std::move(writer)),
      line_(line),
      archiver_(&archiver),
      pool_(&pool),
      news_(std::move(news)),
      segment_bytes_(writer_.segment_size().bytes()),
      received_(writer_.written()),
      memory_(&memory),
      state_{.written = received_, .flushed = received_, .busy_since = {}} {}

WalDisk::~WalDisk() {
  std::unique_lock lock(mutex_);
  haste_ = {};
  if (!at_work_ && !failure_ && may_go_on()) submit_job();
  ended_.wait(lock, [this] { return !at_work_; });
  give_memory_back();
}

std::size_t WalDisk::take(io::ByteView data, io::TimePoint sent) {
  const std::scoped_lock lock(mutex_);
  take_memory(data.size());
  const auto taken = buffer_.put(data);
  if (taken > 0 && !unsynced_since_) unsynced_since_ = Clock::now();
  for (auto left = taken; left > 0;) {
    const auto offset = received_.value() % segment_bytes_;
    const auto piece = std::min(left, segment_bytes_ - offset);
    if (runs_.empty() || offset == 0) runs_.push_back({received_, sent, sent});
    received_ = received_ + piece;
    runs_.back().end = received_;
    runs_.back().last_sent = sent;
    left -= piece;
  }
  return taken;
}

void WalDisk::go_on(Haste haste) {
  const std::scoped_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  haste_ = haste;
  if (!at_work_ && may_go_on()) submit_job();
}

std::optional<WalDisk::Clock::time_point> WalDisk::sync_due() const {
  const std::scoped_lock lock(mutex_);
  const bool something = may_write() || state_.written != state_.flushed;
  if (at_work_ || !unsynced_since_ || !something) return std::nullopt;
  return *unsynced_since_ + haste_.within;
}

WalDisk::State WalDisk::state() const {
  const std::scoped_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return state_;
}

void WalDisk::take_memory(std::size_t wanted) {
  if (buffer_.room() >= wanted || !buffer_.may_grow()) return;
  if (memory_->take(kBufferBytes - kOwnBytes)) buffer_.grow();
}

void WalDisk::give_memory_back() {
  if (buffer_.capacity() > kOwnBytes) memory_->give_back(kBufferBytes - kOwnBytes);
}

void WalDisk::release_memory() {
  const std::scoped_lock lock(mutex_);
  if (buffer_.size() != 0) return;
  give_memory_back();
  buffer_.release();
}

/// Not each time it is empty: while much WAL flows, the next bytes come at once.
void WalDisk::release_most_memory() {
  const auto now = Clock::now();
  if (buffer_.size() != 0 || buffer_.touched() <= kKeptBytes || now - released_ < kKeptTime) return;
  give_memory_back();
  buffer_.release();
  released_ = now;
}

bool WalDisk::may_write() const {
  if (runs_.empty()) return false;
  const bool completes = runs_.front().end.value() % segment_bytes_ == 0;
  return !completes || archiver_->has_room();
}

bool WalDisk::sync_is_due() const {
  return unsynced_since_ && (haste_ == Haste() || Clock::now() >= *unsynced_since_ + haste_.within);
}

bool WalDisk::may_go_on() const {
  if (!may_write()) return sync_is_due() && state_.written != state_.flushed;
  const bool completes = runs_.front().end.value() % segment_bytes_ == 0;
  return completes || sync_is_due() || buffer_.size() >= buffer_.capacity() / 2;
}

void WalDisk::submit_job() {
  pool_->submit([this] { work(); });
  at_work_ = true;  // the job cannot have ended yet: that takes the lock
  state_.busy_since = io::now();
}

void WalDisk::work() {
  const auto begun = Clock::now();
  std::exception_ptr failure;
  try {
    write_what_is_there();
  } catch (...) {  // no exception may leave a pool's thread: it is thrown where the stream runs
    failure = io::current_failure();
  }
  const std::scoped_lock lock(mutex_);
  failure_ = failure;
  if (!failure_) {
    // What came while the job was at work came after it had begun.
    if (writer_.flushed() != state_.flushed) unsynced_since_ = begun;
    if (writer_.flushed() == received_) unsynced_since_.reset();
    state_ = {.written = writer_.written(), .flushed = writer_.flushed(), .busy_since = {}};
  }
  // A new task, so that other streams have their turn. Without one the owner may be gone once we unlock.
  at_work_ = false;
  try {
    if (!failure_ && may_go_on()) submit_job();
  } catch (...) {
    failure_ = io::current_failure();
  }
  release_most_memory();
  news_();
  if (!at_work_) ended_.notify_all();
}

void WalDisk::write_what_is_there() {
  const auto begin = writer_.written();
  while (writer_.written() - begin < kBufferBytes) {
    const auto run = next_run();
    if (!run) break;
    write(*run);
  }
  if (should_sync()) writer_.flush();
}

bool WalDisk::should_sync() const {
  const std::scoped_lock lock(mutex_);
  return sync_is_due() || writer_.written() - writer_.flushed() >= kGroupBytes;
}

std::optional<WalDisk::Run> WalDisk::next_run() {
  const std::scoped_lock lock(mutex_);
  if (!may_write()) return std::nullopt;
  // Whoever waits for a commit waits for our syncs, and else nobody does.
  writer_.fill_with(haste_ == Haste() ? catalog::Filling::zeroes : catalog::Filling::room);
  const auto run = runs_.front();
  runs_.pop_front();
  return run;
}

void WalDisk::write(const Run& run) {
  const std::size_t length = run.end - writer_.written();
  const auto pieces = [&] {
    const std::scoped_lock lock(mutex_);
    return buffer_.front(length);
  }();
  for (const auto& piece : pieces) writer_.write(piece, run.first_sent, run.last_sent);
  {
    const std::scoped_lock lock(mutex_);
    buffer_.drop(length);
  }
  if (writer_.segment_complete()) archiver_->submit(writer_.begin_next_segment(), line_);
}

}  // namespace pgkeep::streaming
