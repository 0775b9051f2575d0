#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "server/output.h"
#include "streaming/wal_receiver.h"

namespace spdlog {
class logger;
}

namespace pgkeep::server {

/// Logs what a WAL receiver does to standard error, a line with time and server for each event. Thread-safe.
class WalLog final : public streaming::WalReceiverObserver {
 public:
  WalLog(std::string server, const Output& out);

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
  std::string server_;
  std::shared_ptr<spdlog::logger> logger_;  // shared_ptr as spdlog makes them
  std::atomic<std::uint64_t> segments_{0};
};

}  // namespace pgkeep::server
