#include "server/web/fleet_look.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "catalog/io/error.h"

namespace pgkeep::server {

using Clock = std::chrono::steady_clock;

FleetLook::FleetLook(Look look, Log log, Times times)
    : look_(std::move(look)), log_(std::move(log)), times_(times) {
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

FleetLook::~FleetLook() = default;

FleetLook::Seen FleetLook::newest() {
  const std::scoped_lock lock(mutex_);
  asked_ = Clock::now();
  changed_.notify_all();
  const auto age = *asked_ - taken_;
  if (!documents_ || age > times_.usable) return {};
  return {documents_, std::chrono::floor<std::chrono::seconds>(age)};
}

bool FleetLook::finish(Clock::time_point until) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return ended_; });
}

void FleetLook::work(const std::stop_token& stop) {
  while (wait_until_wanted(stop)) look_once(stop);
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

bool FleetLook::wait_until_wanted(const std::stop_token& stop) {
  const auto is_wanted = [&] {
    return asked_ && (*asked_ > looked_ || Clock::now() - *asked_ <= times_.asked);
  };
  std::unique_lock lock(mutex_);
  if (looked_ != Clock::time_point())
    changed_.wait_until(lock, stop, looked_ + times_.between, [] { return false; });
  changed_.wait(lock, stop, is_wanted);
  return !stop.stop_requested();
}

void FleetLook::look_once(const std::stop_token& stop) {
  {
    const std::scoped_lock lock(mutex_);
    looked_ = Clock::now();
  }
  try {
    auto documents = std::make_shared<const FleetDocuments>(look_(stop));
    const std::scoped_lock lock(mutex_);
    documents_ = std::move(documents);
    taken_ = looked_;
    complaint_.clear();
  } catch (const Interrupted&) {
    // The end is asked for.
  } catch (const std::exception& failure) {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(complaint_, failure.what()) != failure.what())
      log_->error("http: the fleet could not be looked at: {}", failure.what());
  }
}

}  // namespace pgkeep::server
