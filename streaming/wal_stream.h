#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

#include "catalog/io/doorbell.h"
#include "streaming/connection.h"
#include "streaming/wal_disk.h"
#include "streaming/wal_message.h"
#include "streaming/wal_workers.h"

namespace pgkeep::streaming {

/// The two-way COPY of START_REPLICATION, as far as WalStream needs it: a Connection, or a script in tests.
class WalWire {
 public:
  virtual ~WalWire() = default;
  virtual CopyState poll(io::ByteView& into) = 0;
  /// Until a message or `descriptor` can be read; as Connection::wait_readable().
  virtual bool wait_readable(std::chrono::milliseconds at_most, int descriptor) = 0;
  virtual void send(io::ByteView message) = 0;
};

struct WalStreamSettings {
  std::chrono::milliseconds status_interval{std::chrono::seconds(10)};
  /// Below it no flush position is reported: it was reported before, and the slot must not go back.
  postgres::Lsn report_from;
  /// The begin of a segment: the WAL from there on is held already, and not received again.
  std::optional<postgres::Lsn> stop_at;
};

/// Receives one stream: WAL into memory on the caller's thread, which touches no disk; from there into
/// partial segments, to stable storage and to the archiver by WalDisk's jobs.
///
/// All that can be read is taken together, and all that comes while a sync goes on is covered by the next
/// one, so that a commit waits for the sync that runs and its own, and many commits share one. Each sync is
/// reported at once. A request of the server is answered when all that came is flushed; while the disk does
/// not come back, only the status messages go on that are due every interval, with the last true position:
/// the server sees a stalled disk as lag, takes us not for dead, and is not answered in a tight loop while it
/// shuts down. When the disk fails, nothing is sent at all. When memory is full, or two segments wait for the
/// archiver, nothing more is read. One thread; borrows what it is given.
class WalStream {
 public:
  /// So much is read before the rest is looked after: stop, replies, the disk.
  static constexpr std::size_t kTakeBytes = 256u << 10;
  /// How long a server may take that was asked whether it is there: so many intervals, between these.
  static constexpr int kAnswerIntervals = 3;
  static constexpr std::chrono::seconds kShortestAnswerTime{5};
  static constexpr std::chrono::seconds kAnswerTime{30};

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
  /// behind it taken. What was received is flushed then, and reported unless stop was asked; the COPY is
  /// still open in the last two cases. Throws ConnectionLost when the server is silent for too long, and what
  /// its parts throw.
  End run(const std::stop_token& stop);
  /// After run() has returned.
  WalWriter& writer() noexcept { return disk_.writer(); }
  /// Waits until all is flushed, then sends a status message if there is news.
  void flush_and_report();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Taken { everything, part, nothing, last };

  End run_until(const std::stop_token& stop);
  Taken take_messages();
  void take(io::ByteView message);
  void take(const WalData& wal);
  void take_pending();
  bool may_read() const;
  void report();
  void send_status(const WalDisk::State& disk, bool reply_now);
  void tell_progress(const WalDisk::State& disk);
  void finish();
  void watch_silence();
  std::chrono::milliseconds until_next_status() const;

  WalWire* wire_;
  SegmentArchiver* archiver_;
  WalStreamSettings settings_;
  std::function<void(const Progress&)> progress_;
  io::Doorbell news_;  // of the disk, the archiver, and who asks to stop
  WalDisk disk_;
  io::ByteView pending_;  // of the last message, for which there was no room; in the wire's memory
  io::TimePoint pending_sent_;
  postgres::Lsn reported_;    // or would have been, were it not below report_from
  bool reply_asked_ = false;  // by the server
  bool established_ = false;
  Clock::time_point status_sent_;
  Clock::time_point heard_;                 // from the server
  std::optional<Clock::time_point> asked_;  // the server, whether it is there
  Progress at_;
  Progress told_;
};

}  // namespace pgkeep::streaming
