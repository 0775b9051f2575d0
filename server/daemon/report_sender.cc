#include "server/daemon/report_sender.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "catalog/io/error.h"

namespace pgkeep::server {
namespace {

constexpr std::chrono::seconds kBetween{30};

}  // namespace

ReportSender::ReportSender(Look look, Log log) : look_(std::move(look)), log_(std::move(log)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

bool ReportSender::finish(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return ended_; });
}

void ReportSender::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    look_once(stop);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kBetween, [] { return false; });
  }
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void ReportSender::look_once(const std::stop_token& stop) {
  try {
    const auto turn = look_(stop);
    if (turn.what == ReportTurn::What::sent) log_->info("{}", turn.text);
    if (turn.what == ReportTurn::What::failed) log_->error("{}", turn.text);
    complaint_.clear();
  } catch (const Interrupted&) {
    // The end is asked for.
  } catch (const std::exception& failure) {
    if (std::exchange(complaint_, failure.what()) != failure.what())
      log_->error("whether the report of the fleet is due cannot be told: {}", failure.what());
  }
}

}  // namespace pgkeep::server
