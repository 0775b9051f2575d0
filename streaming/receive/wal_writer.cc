#include "streaming/receive/wal_writer.h"

#include <utility>

#include "catalog/io/failure.h"

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kKeptBytes = 64u << 10;
constexpr std::chrono::seconds kKeptTime{1};

}  // namespace

WalWriter::WalWriter(const store::ServerLayout& layout, postgres::WalSegmentSize size,
                     const postgres::WalPosition& start, const postgres::TimelineHistory& line,
                     SegmentArchiver& archiver, WalWorkers& workers, Listeners listeners)
    : layout_(layout),
      size_(size),
      line_(line),
      archiver_(&archiver),
      workers_(&workers),
      listeners_(std::move(listeners)),
      received_(start.lsn),
      segment_(postgres::WalSegment::holding(start, size)),
      spare_(layout, size),
      buffer_(workers.memory),
      state_{.written = received_, .flushed = received_, .busy_since = {}} {}

WalWriter::~WalWriter() {
  std::unique_lock lock(mutex_);
  haste_ = {};
  if (!at_work_ && !failure_ && may_go_on()) submit_job();
  ended_.wait(lock, [this] { return !at_work_; });
}

std::size_t WalWriter::take(io::ByteView data, io::TimePoint sent) {
  const std::scoped_lock lock(mutex_);
  const auto taken = buffer_.put(data);
  if (taken > 0 && !unsynced_since_) unsynced_since_ = Clock::now();
  for (auto left = taken; left > 0;) {
    const auto offset = received_.value() % size_.bytes();
    const auto piece = std::min<std::size_t>(left, size_.bytes() - offset);
    if (runs_.empty() || offset == 0) runs_.push_back({received_, sent, sent});
    received_ = received_ + piece;
    runs_.back().end = received_;
    runs_.back().last_sent = sent;
    left -= piece;
  }
  return taken;
}

void WalWriter::go_on(Haste haste) {
  const std::scoped_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  haste_ = haste;
  if (!at_work_ && may_go_on()) submit_job();
}

std::optional<WalWriter::Clock::time_point> WalWriter::sync_due() const {
  const std::scoped_lock lock(mutex_);
  const bool something = may_write() || state_.written != state_.flushed;
  if (at_work_ || !unsynced_since_ || !something) return std::nullopt;
  return *unsynced_since_ + haste_.within;
}

WalWriter::State WalWriter::state() const {
  const std::scoped_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return state_;
}

void WalWriter::release_memory() {
  const std::scoped_lock lock(mutex_);
  buffer_.release();
}

/// Not each time it is empty: while much WAL flows, the next bytes come at once.
void WalWriter::release_most_memory() {
  const auto now = Clock::now();
  if (buffer_.size() != 0 || buffer_.touched() <= kKeptBytes || now - released_ < kKeptTime) return;
  buffer_.release();
  released_ = now;
}

void WalWriter::remove_partial() {
  const auto path = layout_.partial(segment_, size_);
  if (io::remove_file(path)) io::sync_directory(path.parent_path());
}

bool WalWriter::may_write() const {
  if (runs_.empty()) return false;
  const bool completes = runs_.front().end.value() % size_.bytes() == 0;
  return !completes || archiver_->has_room();
}

bool WalWriter::sync_is_due() const {
  return unsynced_since_ && (haste_ == Haste() || Clock::now() >= *unsynced_since_ + haste_.within);
}

bool WalWriter::may_go_on() const {
  if (!may_write()) return sync_is_due() && state_.written != state_.flushed;
  const bool completes = runs_.front().end.value() % size_.bytes() == 0;
  return completes || sync_is_due() || buffer_.size() >= buffer_.capacity() / 2;
}

void WalWriter::submit_job() {
  workers_->disk.submit([this] { work(); });
  at_work_ = true;  // the job cannot have ended yet: that takes the lock
  state_.busy_since = io::now();
}

void WalWriter::work() {
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
    if (flushed() != state_.flushed) unsynced_since_ = begun;
    if (flushed() == received_) unsynced_since_.reset();
    state_ = {.written = written(), .flushed = flushed(), .busy_since = {}};
  }
  // A new task, so that other streams have their turn. Without one the owner may be gone once we unlock.
  at_work_ = false;
  try {
    if (!failure_ && may_go_on()) submit_job();
  } catch (...) {
    failure_ = io::current_failure();
  }
  release_most_memory();
  listeners_.changed();
  if (!at_work_) ended_.notify_all();
}

postgres::Lsn WalWriter::written() const noexcept {
  return current_ ? current_->written() : segment_.begin(size_);
}

postgres::Lsn WalWriter::flushed() const noexcept {
  return current_ ? current_->flushed() : segment_.begin(size_);
}

void WalWriter::write_what_is_there() {
  const auto begin = written();
  while (written() - begin < WalBuffer::kMostBytes) {
    const auto run = next_run();
    if (!run) break;
    write(*run);
  }
  if (current_ && should_sync()) sync();
}

bool WalWriter::should_sync() const {
  const std::scoped_lock lock(mutex_);
  return sync_is_due() || written() - flushed() >= kGroupBytes;
}

std::optional<WalWriter::Run> WalWriter::next_run() {
  const std::scoped_lock lock(mutex_);
  if (!may_write()) return std::nullopt;
  // Clients that wait for a commit wait for our syncs; otherwise nobody does.
  filling_ = haste_ == Haste() ? catalog::Filling::zeroes : catalog::Filling::room;
  const auto run = runs_.front();
  runs_.pop_front();
  return run;
}

void WalWriter::write(const Run& run) {
  const std::size_t length = run.end - written();
  const auto pieces = [&] {
    const std::scoped_lock lock(mutex_);
    return buffer_.front(length);
  }();
  put(pieces, run);
  {
    const std::scoped_lock lock(mutex_);
    buffer_.drop(length);
  }
  if (current_->complete()) begin_next_segment();
}

/// Into the partial in hand; makes the next one ahead when half of it is full and WAL flows.
void WalWriter::put(const std::array<io::ByteView, 2>& pieces, const Run& run) {
  if (!current_) {
    spare_.discard();
    current_ = open(segment_);
  }
  for (const auto& piece : pieces) current_->write(piece, run.first_sent, run.last_sent);
  if (spare_considered_ || written() - segment_.begin(size_) < size_.bytes() / 2) return;
  spare_considered_ = true;
  if (Clock::now() - begun_ < kIdleTime) spare_.prepare(workers_->spares, filling_);
}

void WalWriter::sync() {
  const auto before = flushed();
  const auto begun = Clock::now();
  current_->flush();
  if (!listeners_.synced || flushed() == before) return;
  listeners_.synced(flushed() - before,
                    std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun));
}

/// Gives away the complete segment, synced and with a durable successor.
void WalWriter::begin_next_segment() {
  sync();
  auto complete = std::exchange(*current_, open(segment_.next()));
  segment_ = segment_.next();
  archiver_->submit(std::move(complete), line_);
}

catalog::PartialSegment WalWriter::open(const postgres::WalSegment& segment) {
  auto opened = catalog::PartialSegment::open(layout_, segment, size_, &spare_, filling_);
  begun_ = Clock::now();
  spare_considered_ = false;
  return opened;
}

}  // namespace pgkeep::streaming
