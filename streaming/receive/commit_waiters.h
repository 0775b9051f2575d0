#pragma once

#include <atomic>
#include <chrono>

namespace pgkeep::streaming {

/// Whether commits on the server may wait until a stream reports their WAL as flushed: while we are one of
/// its synchronous standbys, or a candidate. Told by the watch that looks at the server
/// (pg_stat_replication.sync_state), and believed for a while only, since its operator may change that at any
/// time. Threads: any.
class CommitWaiters {
 public:
  using Clock = std::chrono::steady_clock;

  void nobody_until(Clock::time_point until) noexcept { nobody_until_ = until; }
  void somebody() noexcept { nobody_until_ = Clock::time_point(); }
  bool may_wait() const noexcept { return Clock::now() >= nobody_until_.load(); }

 private:
  std::atomic<Clock::time_point> nobody_until_{Clock::time_point()};
};

}  // namespace pgkeep::streaming
