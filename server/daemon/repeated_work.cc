#include "server/daemon/repeated_work.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "catalog/io/error.h"

namespace pgkeep::server {

RepeatedWork::RepeatedWork(std::string what, std::function<std::chrono::milliseconds()> pause, Work work,
                           Log log)
    : what_(std::move(what)), pause_(std::move(pause)), work_(std::move(work)), log_(std::move(log)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { repeat(stop); });
}

bool RepeatedWork::finish(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return ended_; });
}

void RepeatedWork::repeat(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    do_once(stop);
    const auto pause = pause_();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, pause, [] { return false; });
  }
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void RepeatedWork::do_once(const std::stop_token& stop) {
  try {
    work_(stop);
    complaint_.clear();
  } catch (const Interrupted&) {
    // The end is asked for.
  } catch (const std::exception& failure) {
    if (std::exchange(complaint_, failure.what()) != failure.what())
      log_->error("{}: {}", what_, failure.what());
  }
}

}  // namespace pgkeep::server
