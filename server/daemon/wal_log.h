#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "server/terminal/log.h"
#include "streaming/receive/wal_receiver.h"

namespace pgkeep::server {

/// Logs what a WAL receiver does, a line for each event; a failure that repeats itself is said again once an
/// hour, and the connections made meanwhile are for --verbose. Threads: as WalReceiverObserver.
class WalLog final : public streaming::WalReceiverObserver {
 public:
  explicit WalLog(Log log) : log_(std::move(log)) {}

  void connected(const streaming::Connection& connection, const streaming::SystemInfo& system) override;
  void streaming_from(const postgres::WalPosition& position) override;
  void segment_archived(const catalog::SegmentFileHeader& segment) override;
  void timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) override;
  void disconnected(const std::string& why, std::chrono::milliseconds retry_in,
                    bool needs_attention) override;
  void event(const catalog::Event& event) override;
  void warning(const std::string& what) override;

  void stopped(const std::optional<postgres::WalPosition>& flushed);
  std::uint64_t segments() const noexcept { return segments_.load(); }

 private:
  struct Said {
    std::string what;
    std::chrono::steady_clock::time_point at;
    std::string connected;  // since then: said when it turns out to have been mended
  };
  bool said_lately(const std::string& what);

  Log log_;
  io::Guarded<Said> said_;  // the last failure
  std::atomic<std::uint64_t> segments_{0};
};

}  // namespace pgkeep::server
