#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/io/guarded.h"
#include "catalog/records/event_journal.h"
#include "catalog/wal/wal_archive.h"
#include "streaming/receive/commit_waiters.h"
#include "streaming/receive/wal_workers.h"
#include "streaming/wire/connection.h"
#include "streaming/wire/replication.h"

namespace pgkeep::streaming {

struct WalReceiverSettings {
  ConnectionSettings connection;  // application_name decides about synchronous_standby_names
  std::string slot;               // created with RESERVE_WAL when missing and create_slot
  bool create_slot = true;
  std::chrono::milliseconds status_interval{std::chrono::seconds(10)};
  std::chrono::milliseconds first_retry{std::chrono::seconds(1)};
  std::chrono::milliseconds longest_retry{std::chrono::seconds(60)};
  int compression_level = 1;
  std::string purpose = "receive-wal";  // of who receives, as the lock names it
  /// For the daemon: what no retry can mend is tried again too, every `longest_retry`, since somebody may
  /// have mended it; run() returns only when stop is asked.
  bool never_gives_up = false;
  /// Whatever `waiters` says.
  bool flush_at_once = false;
  std::shared_ptr<const CommitWaiters> waiters = {};  // empty: commits may wait
  bool operator==(const WalReceiverSettings&) const = default;
};

/// How far a stream is.
struct WalProgress {
  std::optional<postgres::WalPosition> received;  // may still be in memory
  std::optional<postgres::WalPosition> flushed;   // durable, and reported so
  std::optional<postgres::Lsn> server_end;
  std::optional<io::TimePoint> last_message;
  std::optional<io::TimePoint> disk_busy_since;  // a write or fsync that has not come back
};

/// What happens, for logs and for those who wait. Called from the receiver's threads; must not throw.
class WalReceiverObserver {
 public:
  virtual ~WalReceiverObserver() = default;
  virtual void connected(const Connection& connection, const SystemInfo& system) = 0;
  virtual void streaming_from(const postgres::WalPosition& position) = 0;
  virtual void segment_archived(const catalog::SegmentFileHeader& segment) = 0;
  /// So many bytes more are on stable storage. Called for every sync: it must be quick.
  virtual void synced(std::uint64_t /*bytes*/, std::chrono::microseconds /*took*/) {}
  virtual void timeline_switched(postgres::TimelineId from, postgres::TimelineId to, postgres::Lsn at) = 0;
  /// The stream broke, or was not established; it is tried again after `retry_in`. `needs_attention`: no
  /// retry will mend it unless somebody does something.
  virtual void disconnected(const std::string& why, std::chrono::milliseconds retry_in,
                            bool needs_attention) = 0;
  /// It is in the server's journal of events already.
  virtual void event(const catalog::Event& event) = 0;
  /// Something to be looked at that does not stop the stream, as an index that cannot be written.
  virtual void warning(const std::string& what) = 0;
};

/// Receives the WAL of one server into its archive, until it is told to stop.
///
/// On the caller's thread, one WalSession after the other: choose a host, confirm the identity, see to the
/// slot, choose the start from what is on disk (else the slot, else the server's position), stream, follow
/// timeline switches; and back off in between. Writing, syncing and archiving are done by the workers, so
/// that the stream and its replies never wait for them. Flush order: bytes into .partial, fsync, and only
/// then the status message that reports them. The position reported as flushed never runs ahead of what
/// survives a power cut and is found again at the next start: a whole partial is archived then without asking
/// the server, any other is received again over itself, and of both nothing is removed. While it is received
/// again, no flush position is reported: it must not go backwards.
///
/// The line of a server that went over to a higher timeline is followed, also from before our last byte: what
/// lies after that fork stays, and an event says so. A server on another branch (a lower timeline, or one
/// that does not come from ours) is refused, and a primary that has less of our timeline than we have, or
/// other WAL, until somebody decides (RolledBack). A standby that lags on the same timeline is asked again
/// later. WAL that the server has removed is looked for on the other hosts of the conninfo; what is found
/// nowhere is recorded as a gap, and the stream continues after it.
///
/// Borrows the observer and the workers. Holds the server's receiver lock while it runs, but not in a pause
/// that somebody has to end. Threads: run() keeps the caller's; progress() and streaming() may be called from
/// any.
class WalReceiver {
 public:
  WalReceiver(const store::ServerLayout& layout, WalReceiverSettings settings, WalReceiverObserver& observer,
              WalWorkers& workers);

  /// Returns when stop is asked: the stream is ended in order, what was received is flushed and reported.
  /// Throws what no retry can mend: Refused (another cluster, a history that is not ours), Busy (another
  /// receiver), Corruption, UsageError, ServerError for missing rights; retries ConnectionLost, retryable
  /// ServerErrors, and StorageError of a full disk. With never_gives_up it throws nothing and retries all of
  /// these.
  void run(const std::stop_token& stop);

  /// Positions are on the timeline being received, and nothing before the first byte of this run.
  WalProgress progress() const {
    return progress_.with([](const auto& at) { return at; });
  }
  /// True once the stream has been established in this run.
  bool streaming() const noexcept { return streaming_.load(); }

 private:
  void receive(const std::stop_token& stop);
  store::ServerLayout layout_;
  WalReceiverSettings settings_;
  WalReceiverObserver* observer_;
  WalWorkers* workers_;
  std::atomic<bool> streaming_{false};
  int searches_in_vain_ = 0;  // see MissingWal
  bool established_ = false;  // by the connection in hand or the one that broke; run()'s thread
  io::Guarded<WalProgress> progress_;
};

}  // namespace pgkeep::streaming
