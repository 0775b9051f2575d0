#include "server/daemon/state_writer.h"

#include <unistd.h>

#include <spdlog/spdlog.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/store/space_samples.h"

namespace pgkeep::server {
namespace {

constexpr std::chrono::seconds kPositionsEvery{5};
constexpr std::chrono::hours kSampleLookEvery{1};
// Phases come in bursts when a network goes away.
constexpr std::chrono::milliseconds kSettle{100};

/// Equal but for what moves all the time.
bool only_moved(catalog::StreamState a, const catalog::StreamState& b) {
  a.received = b.received;
  a.flushed = b.flushed;
  a.server_end = b.server_end;
  a.last_message = b.last_message;
  a.disk_busy_since = b.disk_busy_since;
  a.written = b.written;
  return a == b;
}

bool another_process_receives(const store::ServerLayout& layout) {
  const auto holder = io::FileLock::holder(layout.receiver_lock());
  return holder && holder->pid != ::getpid();
}

}  // namespace

StateWriter::StateWriter(std::function<std::vector<Stream>()> streams, Log log)
    : streams_(std::move(streams)),
      log_(std::move(log)),
      last_beat_(std::chrono::steady_clock::now()),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

StateWriter::~StateWriter() = default;  // the thread is asked to stop and joined

void StateWriter::wake() {
  {
    const std::scoped_lock lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_all();
}

bool StateWriter::finish(std::chrono::milliseconds at_most) {
  thread_.request_stop();
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [this] { return ended_; });
}

bool StateWriter::alive(std::chrono::milliseconds silent_for) const {
  const std::scoped_lock lock(mutex_);
  return in_disk_ || std::chrono::steady_clock::now() - last_beat_ < silent_for;
}

void StateWriter::beat(bool in_disk) {
  const std::scoped_lock lock(mutex_);
  in_disk_ = in_disk;
  last_beat_ = std::chrono::steady_clock::now();
}

void StateWriter::work(const std::stop_token& stop) {
  auto next_positions = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, stop, kPositionsEvery, [this] { return wanted_; });
      changed_.wait_for(lock, stop, kSettle, [] { return false; });
      wanted_ = false;
    }
    const bool positions = std::chrono::steady_clock::now() >= next_positions;
    if (positions) next_positions = std::chrono::steady_clock::now() + kPositionsEvery;
    write_all(positions);
    if (positions) sample_space();
  }
  write_all(true);
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
}

void StateWriter::write_all(bool positions_too) {
  beat(false);
  for (const auto& stream : streams_()) {
    const auto known = written_.find(stream.layout.root());
    const bool is_news = known == written_.end() || !only_moved(known->second, stream.state) ||
                         (positions_too && known->second.flushed != stream.state.flushed) ||
                         (positions_too && known->second.server_end != stream.state.server_end) ||
                         (positions_too && known->second.disk_busy_since != stream.state.disk_busy_since);
    if (!is_news) continue;
    beat(true);
    write(stream);
    beat(false);
  }
}

/// News as well, and what asks the disk belongs into this thread. Looked at once in an hour, since samples
/// are hours apart.
void StateWriter::sample_space() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_sample_) return;
  next_sample_ = now + kSampleLookEvery;
  const auto streams = streams_();
  if (streams.empty()) return;
  beat(true);
  try {
    store::sample_space(streams.front().layout.root().parent_path(), io::now());
  } catch (const Error& failure) {
    log_->debug("how full the disk is could not be noted: {}", failure.what());
  }
  beat(false);
}

void StateWriter::write(const Stream& stream) {
  const auto& root = stream.layout.root();
  try {
    if (another_process_receives(stream.layout)) return;
    io::make_directories(root);
    catalog::write_stream_state(stream.layout, stream.state);
    written_[root] = stream.state;
    failing_.erase(root);
  } catch (const std::exception& failure) {
    if (failing_.insert(root).second)
      log_->warn("the state of the stream cannot be written, tried again: {}", failure.what());
  }
}

}  // namespace pgkeep::server
