#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

#include "catalog/io/doorbell.h"
#include "streaming/receive/commit_waiters.h"
#include "streaming/receive/wal_workers.h"
#include "streaming/receive/wal_writer.h"
#include "streaming/wire/connection.h"
#include "streaming/wire/wal_message.h"

namespace pgkeep::streaming {

/// The two-way COPY of START_REPLICATION, as far as WalStream needs it: a Connection, or a script in tests.
class WalWire {
 public:
  virtual ~WalWire() = default;
  virtual CopyState poll(io::ByteView& into) = 0;
  /// Until a message or `descriptor` can be read; as Connection::wait_readable().
  virtual bool wait_readable(std::chrono::milliseconds at_most, int descriptor) = 0;
  virtual void send(io::ByteView message) = 0;
  /// Ends our half of the COPY: nothing more is received or reported.
  virtual void end() = 0;
};

struct WalStreamSettings {
  std::chrono::milliseconds status_interval{std::chrono::seconds(10)};
  /// Below it no flush position is reported: it was reported before, and the slot must not go back.
  postgres::Lsn report_from;
  /// The begin of a segment: the WAL from there on is held already, and not received again.
  std::optional<postgres::Lsn> stop_at;
  /// Borrowed; null: commits may wait.
  const CommitWaiters* waiters = nullptr;
  /// Told of each sync, from the pool's threads; may be empty.
  WalWriter::Synced synced = {};
  /// Where no commit waits, syncs are grouped, and what came is on stable storage that much later at most.
  std::chrono::milliseconds group_within{200};

  /// So soon a request is answered though the disk has not come back: servers wait a second at least.
  std::chrono::milliseconds answer_within{std::chrono::seconds(1)};
  /// A request that follows our message so soon is one that the message has called forth. A server that only
  /// wants to know whether we are there asks after half of its wal_sender_timeout.
  std::chrono::milliseconds follows_within{500};
  /// How long a server that shuts down waits for a disk that does not come back.
  std::chrono::milliseconds shutdown_waits{std::chrono::seconds(30)};
};

/// Receives one stream: WAL into memory on the caller's thread, which touches no disk; from there into
/// partial segments, to stable storage and to the archiver by WalWriter's jobs.
///
/// All that can be read is taken together, and all that comes while a sync runs is covered by the next
/// one, so that a commit waits for the sync that runs and its own, and many commits share one. While no
/// commit waits, syncs are fewer (group_within). Each sync is reported at once. A request of the server is
/// answered when all that came is flushed. While the disk does not come back, requests are answered after
/// answer_within, and status messages continue that are due every interval, all with the last true position:
/// the server sees a stalled disk as lag and takes us not for dead. A server that shuts down waits until all
/// it has is flushed here, and asks again as soon as it is answered; so when it has done that for a while and
/// nothing was flushed in shutdown_waits, it is left alone: our answers would keep it up for ever. (Of one
/// whose WAL fills our memory this cannot be seen, since its question comes after what it has sent.) When the
/// disk fails, nothing is sent at all. When memory is full, or two segments wait for the archiver, nothing
/// more is read. One thread; borrows what it is given.
class WalStream {
 public:
  /// So much is read before the rest is looked after: stop, replies, the disk.
  static constexpr std::size_t kTakeBytes = 256u << 10;
  /// How long a server may take that was asked whether it is there: so many intervals, between these.
  static constexpr int kAnswerIntervals = 3;
  static constexpr std::chrono::seconds kShortestAnswerTime{5};
  static constexpr std::chrono::seconds kAnswerTime{30};
  /// So many requests in a row, each called forth by the answer before it, say that the server shuts down.
  static constexpr int kShutdownRequests = 5;

  enum class End { by_server, by_stop, reached };

  /// How far it is. Times are ours.
  struct Progress {
    postgres::Lsn received;
    postgres::Lsn flushed;
    postgres::Lsn server_end;
    io::TimePoint last_message;
    std::optional<io::TimePoint> disk_busy_since;
    bool operator==(const Progress&) const = default;
  };

  /// `progress` is called after the first message, and whenever something has changed; often, so it must be
  /// quick.
  WalStream(WalWire& wire, const store::ServerLayout& layout, postgres::WalSegmentSize size,
            const postgres::WalPosition& start, const postgres::TimelineHistory& line,
            SegmentArchiver& archiver, WalWorkers& workers, const WalStreamSettings& settings,
            std::function<void(const Progress&)> progress);
  WalStream(const WalStream&) = delete;
  WalStream& operator=(const WalStream&) = delete;
  ~WalStream();

  /// Until the server ends the COPY, stop is asked, or stop_at is reached: flushed up to there, nothing
  /// after it taken. What was received is flushed then, and reported unless stop was asked; the COPY is
  /// still open in the last two cases. Throws ConnectionLost when the server is silent for too long, or left
  /// alone to shut down, and what its parts throw.
  End run(const std::stop_token& stop);
  /// After run() has returned.
  WalWriter& writer() noexcept { return writer_; }
  /// Waits until all is flushed, then sends a status message if there is news.
  void flush_and_report();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Taken { everything, part, nothing, last };

  End run_until(const std::stop_token& stop);
  Taken take_messages();
  void take(io::ByteView message);
  void take(const WalData& wal);
  void take_request();
  void take_pending();
  bool may_read() const;
  void report();
  void send_status(const WalWriter::State& disk, bool reply_now);
  void tell_progress(const WalWriter::State& disk);
  void finish();
  void watch_silence();
  void watch_shutdown();
  WalWriter::Haste haste() const;
  std::chrono::milliseconds until_next_step() const;
  std::chrono::milliseconds until_next_status() const;

  WalWire* wire_;
  SegmentArchiver* archiver_;
  WalStreamSettings settings_;
  std::function<void(const Progress&)> progress_;
  io::Doorbell news_;  // of the disk, the archiver, and who asks to stop
  WalWriter writer_;
  io::ByteView pending_;  // of the last message, for which there was no room; in the wire's memory
  io::TimePoint pending_sent_;
  postgres::Lsn reported_;                        // or would have been, were it not below report_from
  std::optional<Clock::time_point> reply_asked_;  // by the server: when, unless it was answered
  int requests_in_a_row_ = 0;                     // each following our message at once
  std::optional<Clock::time_point> stuck_since_;  // the disk: there is something to flush, and nothing was
  bool established_ = false;
  Clock::time_point status_sent_;
  Clock::time_point heard_;                 // from the server
  std::optional<Clock::time_point> asked_;  // the server, whether it is there
  Progress at_;
  Progress told_;
};

}  // namespace pgkeep::streaming
