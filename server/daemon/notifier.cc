#include "server/daemon/notifier.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace pgkeep::server {
namespace {

// A systemd that cannot be told is no reason to stop receiving.
void tell(const std::string& state) {
  ::sd_notify(0, state.c_str());
}

std::uint64_t monotonic_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

Notifier::Notifier() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) > 0)
    watchdog_ = std::chrono::microseconds(static_cast<std::int64_t>(microseconds));
}

void Notifier::ready() {
  tell("READY=1");
}

void Notifier::reloading() {
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_microseconds()));
}

void Notifier::stopping() {
  tell("STOPPING=1");
}

void Notifier::status(const std::string& line) {
  if (line == status_) return;
  status_ = line;
  tell("STATUS=" + line);
}

std::chrono::milliseconds Notifier::interval() const {
  constexpr std::chrono::milliseconds kOften{1000};
  if (!watchdog_) return kOften;
  return std::min(kOften, std::chrono::duration_cast<std::chrono::milliseconds>(*watchdog_ / 8));
}

void Notifier::alive() {
  const auto now = std::chrono::steady_clock::now();
  if (!watchdog_ || now < next_alive_) return;
  next_alive_ = now + *watchdog_ / 3;
  tell("WATCHDOG=1");
}

}  // namespace pgkeep::server
