#include "server/daemon/server_stream.h"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "catalog/io/error.h"
#include "catalog/io/pause.h"
#include "server/fleet/server_settings.h"

namespace pgkeep::server {
namespace {

/// What is newer wins, item by item: a run knows nothing before its first message.
streaming::WalProgress join(const streaming::WalProgress& before, const streaming::WalProgress& now) {
  auto joined = before;
  if (now.received) joined.received = now.received;
  if (now.flushed) joined.flushed = now.flushed;
  if (now.server_end) joined.server_end = now.server_end;
  if (now.last_message) joined.last_message = now.last_message;
  joined.disk_busy_since = now.disk_busy_since;
  return joined;
}

}  // namespace

bool matters_to_stream(const ServerConfig& before, const ServerConfig& after) {
  return wal_receiver_settings(before) != wal_receiver_settings(after);
}

ServerStream::ServerStream(store::ServerLayout layout, ServerConfig config, streaming::WalWorkers& workers,
                           Log log, StreamRecorder::Hooks hooks, std::shared_ptr<ServerStream> before)
    : layout_(std::move(layout)),
      workers_(&workers),
      log_(std::move(log)),
      wal_log_(log_),
      recorder_(wal_log_, std::move(hooks)),
      before_(std::move(before)),
      config_(std::move(config)),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

ServerStream::~ServerStream() = default;  // the thread is asked to stop and joined

bool ServerStream::reconfigure(const ServerConfig& config) {
  std::stop_source run(std::nostopstate);
  {
    const std::scoped_lock lock(mutex_);
    const bool matters = matters_to_stream(config_, config);
    config_ = config;
    if (!matters) return false;
    run = run_;
  }
  run.request_stop();
  return true;
}

void ServerStream::reconnect() {
  auto run = [this] {
    const std::scoped_lock lock(mutex_);
    return run_;
  }();
  run.request_stop();  // outside of the lock: it calls back
}

void ServerStream::between_runs(Job job) {
  {
    const std::scoped_lock lock(mutex_);
    if (std::ranges::find(jobs_, job.name, &Job::name) != jobs_.end()) return;
    jobs_.push_back(std::move(job));
  }
  reconnect();
}

void ServerStream::stop() noexcept {
  thread_.request_stop();
}

catalog::StreamState ServerStream::state() const {
  const auto progress = [this] {
    const std::scoped_lock lock(mutex_);
    return receiver_ != nullptr ? join(last_progress_, receiver_->progress()) : last_progress_;
  }();
  return with_progress(recorder_.state(), progress);
}

void ServerStream::work(const std::stop_token& stop) {
  if (before_) {
    before_->stop();
    before_->ended_.wait(false);
    before_.reset();
  }
  receive_until_stopped(stop);
  recorder_.stopped(state().flushed);
  ended_ = true;
  ended_.notify_all();
}

void ServerStream::receive_until_stopped(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto [config, run] = [this] {
      const std::scoped_lock lock(mutex_);
      run_ = std::stop_source();
      return std::pair(config_, run_);
    }();
    const std::stop_callback forward(stop, [&run = run] { std::stop_source(run).request_stop(); });
    try {
      do_jobs(stop);
      recorder_.starting();
      run_receiver(config, run.get_token());
    } catch (const Interrupted&) {
      continue;
    } catch (const std::exception& failure) {
      pause(config, failure, run.get_token());
    }
  }
}

void ServerStream::no_commit_waits(bool none) noexcept {
  if (none)
    waiters_->nobody_until(streaming::CommitWaiters::Clock::now() + kBelieved);
  else
    waiters_->somebody();
}

void ServerStream::run_receiver(const ServerConfig& config, const std::stop_token& stop) {
  auto settings = wal_receiver_settings(config);
  settings.purpose = "serve";
  settings.never_gives_up = true;
  settings.waiters = waiters_;
  streaming::WalReceiver receiver(layout_, std::move(settings), recorder_, *workers_);
  const auto show = [this](const streaming::WalReceiver* shown) {
    const std::scoped_lock lock(mutex_);
    if (receiver_ != nullptr) last_progress_ = join(last_progress_, receiver_->progress());
    receiver_ = shown;
  };
  show(&receiver);
  try {
    receiver.run(stop);
  } catch (...) {  // thrown on: only the pointer must not outlive the receiver
    show(nullptr);
    throw;
  }
  show(nullptr);
}

void ServerStream::do_jobs(const std::stop_token& stop) {
  for (;;) {
    Job job;
    {
      const std::scoped_lock lock(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    try {
      job.work(stop);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& failure) {
      log_->error("could not {}: {}", job.name, failure.what());
    }
  }
}

/// After something that the receiver did not expect: a state of this server like any other.
void ServerStream::pause(const ServerConfig& config, const std::exception& failure,
                         const std::stop_token& stop) {
  const auto* known = dynamic_cast<const Error*>(&failure);
  recorder_.disconnected(failure.what(), config.longest_retry, known == nullptr || !known->retryable());
  io::pause(config.longest_retry, stop);
}

}  // namespace pgkeep::server
