#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/server_catalog.h"
#include "catalog/wal_archive.h"
#include "streaming/connection.h"
#include "streaming/replication.h"

namespace pgkeep::streaming {

struct WalReceiverSettings {
  ConnectionSettings connection;          // application_name decides about synchronous_standby_names
  std::string slot;                       // created with RESERVE_WAL when missing and create_slot
  bool create_slot = true;
  std::chrono::milliseconds status_interval{std::chrono::seconds(10)};
  std::chrono::milliseconds first_retry{std::chrono::seconds(1)};
  std::chrono::milliseconds longest_retry{std::chrono::seconds(60)};
  int compression_level = 1;
};

/// What happens, for logs and for whoever waits. Called from the receiver's threads; must not throw.
class WalReceiverObserver {
 public:
  virtual ~WalReceiverObserver() = default;
  virtual void connected(const Connection& connection, const SystemInfo& system) = 0;
  virtual void streaming_from(const postgres::WalPosition& position) = 0;
  virtual void segment_archived(const catalog::SegmentFileHeader& segment) = 0;
  virtual void timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) = 0;
  /// The stream broke; it is tried again after `retry_in`.
  virtual void disconnected(const std::string& why, std::chrono::milliseconds retry_in) = 0;
};

/// Receives the WAL of one server into its archive, until it is told to stop.
///
/// A small state machine on the caller's thread: connect, confirm the identity, choose the start from what is on disk
/// (else the slot, else the server's position), stream, follow timeline switches, back off and retry. A complete segment is
/// validated, compressed and archived by a second thread, so that the stream and its replies never wait for it; at most two
/// segments are under way.
/// Flush order: bytes into .partial, fsync, and only then the status message that reports them. A reply that the
/// server asks for is sent after an fsync of what is written, so that its shutdown is never held up.
/// The position reported as flushed never runs ahead of what survives a power cut and is found again at the next start.
///
/// Borrows the observer. Holds the server's receiver lock while it runs. Threads: run() keeps the caller's; flushed() and
/// archived() may be called from any.
class WalReceiver {
 public:
  WalReceiver(const store::ServerLayout& layout, WalReceiverSettings settings, WalReceiverObserver& observer);

  /// Returns when stop is asked: the stream is ended in order, what was received is flushed and reported. Throws what no retry
  /// can mend: Refused (another cluster, a history that is not ours), Busy (another receiver), Corruption,
  /// UsageError, ServerError for missing rights; retries ConnectionLost, retryable ServerErrors, and StorageError of a full disk.
  void run(std::stop_token stop);

  /// Durable up to here, on the timeline being received; nothing before the first byte of this run.
  std::optional<postgres::WalPosition> flushed() const;
  /// True once the stream has been established in this run.
  bool streaming() const noexcept { return streaming_.load(); }

 private:
  class Stream;
  store::ServerLayout layout_;
  WalReceiverSettings settings_;
  WalReceiverObserver* observer_;
  std::atomic<bool> streaming_{false};
  std::atomic<std::uint32_t> flushed_timeline_{0};
  std::atomic<std::uint64_t> flushed_lsn_{0};
};

}  // namespace pgkeep::streaming
