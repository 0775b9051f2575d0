#pragma once

#include <functional>
#include <string>

#include "catalog/io/guarded.h"
#include "catalog/records/stream_state.h"
#include "server/daemon/wal_log.h"

namespace pgkeep::server {

/// Keeps the state of one stream as its receiver's events tell it, and hands them on to the log. Threads:
/// any.
class StreamRecorder final : public streaming::WalReceiverObserver {
 public:
  /// What others want to know at once; called from the receiver's threads, must not throw or wait.
  struct Hooks {
    std::function<void()> changed;                          // the phase is another one
    std::function<void(const catalog::Event&)> event = {};  // may be empty
  };
  StreamRecorder(WalLog& log, Hooks hooks);

  /// All but positions, which the receiver knows (see with_progress()).
  catalog::StreamState state() const;
  /// A run of the receiver begins.
  void starting();
  void stopped(const std::optional<postgres::WalPosition>& flushed);
  /// The receiver has given up, which is said elsewhere.
  void failed(const std::string& why);
  void from_standby(bool standby);

  void connected(const streaming::Connection& connection, const streaming::SystemInfo& system) override;
  void streaming_from(const postgres::WalPosition& position) override;
  void segment_archived(const catalog::SegmentFileHeader& segment) override;
  void synced(std::uint64_t bytes, std::chrono::microseconds took) override;
  void timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) override;
  void disconnected(const std::string& why, std::chrono::milliseconds retry_in,
                    bool needs_attention) override;
  void event(const catalog::Event& event) override;
  void warning(const std::string& what) override;

 private:
  void enter(catalog::StreamPhase phase);
  void enter_connecting();

  WalLog* log_;  // borrowed
  Hooks hooks_;
  io::Guarded<catalog::StreamState> state_;
  std::atomic<bool> has_streamed_{false};
};

/// The state with where the receiver is; what it does not know yet stays as it was.
catalog::StreamState with_progress(catalog::StreamState state, const streaming::WalProgress& progress);

}  // namespace pgkeep::server
