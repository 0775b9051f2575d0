#pragma once

#include <stop_token>
#include <thread>

#include "catalog/io/handle.h"

namespace pgkeep::server {

/// Turns the first SIGINT or SIGTERM into a stop request; a second one of the same kind ends the process at
/// once, which is as safe as a crash. SIGPIPE is ignored, so that a reader that has gone shows as a failed
/// write.
///
/// By a handler and a pipe, not by blocking the signals: a blocked signal would stay blocked in the programs
/// that are started (ssh, tar), which could then not be ended. One at a time in a process.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  std::stop_source source_;
  io::UniqueFd read_end_;
  io::UniqueFd write_end_;
  std::thread waiter_;
};

/// While it lives, SIGHUP does not end the process, and is remembered. One at a time in a process.
class HangupSignal {
 public:
  HangupSignal();
  HangupSignal(const HangupSignal&) = delete;
  HangupSignal& operator=(const HangupSignal&) = delete;
  ~HangupSignal();

  /// While it lives, each one adds to an eventfd, and so does one that came before.
  class Wakes {
   public:
    /// Borrows the eventfd.
    explicit Wakes(int eventfd);
    Wakes(const Wakes&) = delete;
    Wakes& operator=(const Wakes&) = delete;
    ~Wakes();
  };

  /// Whether one has come since this was asked last.
  static bool came() noexcept;
};

/// What StopSignals does about SIGPIPE, for commands that leave the other signals alone.
void ignore_broken_pipes();

}  // namespace pgkeep::server
