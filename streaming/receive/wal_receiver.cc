#include "streaming/receive/wal_receiver.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/io/pause.h"
#include "catalog/wal/set_aside_line.h"
#include "streaming/receive/back_off.h"
#include "streaming/receive/wal_session.h"
#include "streaming/wire/server_refusal.h"

namespace pgkeep::streaming {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLockRetry = std::chrono::seconds(2);
constexpr milliseconds kLoginRetry = std::chrono::seconds(60);

/// What is to be done about a failure.
enum class Remedy {
  back_off,       // it passes
  wait_for_lock,  // another receives
  wait_long,      // somebody has to do something
  leave_alone,    // the same, and asking often does harm
};

Remedy remedy_for(const std::exception& failure, bool locked) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  if (dynamic_cast<const std::bad_alloc*>(&failure) != nullptr) return Remedy::back_off;
  if (error == nullptr) return Remedy::wait_long;
  if (!locked && error->exit_code() == Exit::busy) return Remedy::wait_for_lock;
  if (error->retryable()) return Remedy::back_off;
  const auto* refusal = dynamic_cast<const ServerError*>(error);
  return refusal != nullptr && is_refused_login(*refusal) ? Remedy::leave_alone : Remedy::wait_long;
}

}  // namespace

WalReceiver::WalReceiver(const store::ServerLayout& layout, WalReceiverSettings settings,
                         WalReceiverObserver& observer, WalWorkers& workers)
    : layout_(layout), settings_(std::move(settings)), observer_(&observer), workers_(&workers) {}

void WalReceiver::receive(const std::stop_token& stop) {
  const auto progress = [this](const WalProgress& now) {
    progress_.with([&](auto& at) { at = now; });
    streaming_ = true;
    established_ = true;
  };
  try {
    WalSession(layout_, settings_, *observer_, *workers_, progress, searches_in_vain_, stop).run();
  } catch (const ServerError& error) {
    throw with_advice(error, settings_.slot);
  }
}

void WalReceiver::run(const std::stop_token& stop) {
  std::unique_ptr<io::FileLock> lock;
  BackOff back_off(settings_.first_retry, settings_.longest_retry);
  while (!stop.stop_requested()) {
    try {
      check_slot_name(settings_.slot);
      if (!lock) {  // a full disk may have no room even for the lock's file
        layout_.make();
        lock =
            std::make_unique<io::FileLock>(io::FileLock::acquire(layout_.receiver_lock(), settings_.purpose));
        catalog::finish_setting_aside(layout_);
      }
      receive(stop);
    } catch (const Interrupted&) {
      return;
    } catch (const std::exception& failure) {
      const auto remedy = remedy_for(failure, lock != nullptr);
      if (remedy != Remedy::back_off && !settings_.never_gives_up) throw;
      if (std::exchange(established_, false)) back_off.reset();
      auto retry_in = settings_.longest_retry;
      if (remedy == Remedy::back_off) retry_in = back_off.next();
      if (remedy == Remedy::wait_for_lock) retry_in = std::min(kLockRetry, settings_.longest_retry);
      if (remedy == Remedy::leave_alone) retry_in = std::max(kLoginRetry, settings_.longest_retry);
      const bool needs_attention = remedy == Remedy::wait_long || remedy == Remedy::leave_alone;
      // What mends it may be a command that needs the lock.
      if (needs_attention) lock.reset();
      observer_->disconnected(failure.what(), retry_in, needs_attention);
      if (!io::pause(retry_in, stop)) return;
    }
  }
}

}  // namespace pgkeep::streaming
