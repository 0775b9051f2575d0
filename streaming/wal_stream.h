#pragma once

#include <chrono>
#include <functional>
#include <stop_token>

#include "streaming/connection.h"
#include "streaming/segment_archiver.h"
#include "streaming/wal_writer.h"

namespace pgkeep::streaming {

/// The two-way COPY of START_REPLICATION, as far as WalStream needs it: a Connection, or a script in tests.
class WalWire {
 public:
  virtual ~WalWire() = default;
  virtual CopyState poll(io::ByteView& into) = 0;
  virtual bool wait_readable(std::chrono::milliseconds at_most) = 0;
  virtual void send(io::ByteView message) = 0;
};

struct WalStreamSettings {
  std::chrono::milliseconds status_interval{std::chrono::seconds(10)};
  /// Below it no flush position is reported: it was reported before, and the slot must not go back.
  postgres::Lsn report_from;
};

/// Receives one stream: WAL into the partial segment, fsync, status message; and complete segments to the
/// archiver.
///
/// All that can be read is taken together, synced once and reported at once, so that a commit that waits for
/// it waits for one fsync, and many commits share one. While more keeps coming, of whatever kind, this
/// happens every kFlushBytes, and so is stop looked for. When the archiver falls behind, nothing more is
/// read, but status messages go on, so that the server does not take us for dead. One thread; borrows what it
/// is given.
class WalStream {
 public:
  static constexpr std::uint64_t kFlushBytes = 1u << 20;
  static constexpr std::chrono::seconds kAnswerTime{30};

  enum class End { by_server, by_stop };

  /// `progress` is called after the first message, and with every flush.
  WalStream(WalWire& wire, const store::ServerLayout& layout, postgres::WalSegmentSize size,
            const postgres::WalPosition& start, const postgres::TimelineHistory& line,
            SegmentArchiver& archiver, const WalStreamSettings& settings,
            std::function<void(postgres::Lsn flushed)> progress);

  /// Until the server ends the COPY or stop is asked. What was received is flushed then, and reported when
  /// stop was asked: the COPY is still open in that case. Throws ConnectionLost when the server is silent for
  /// too long, and what its parts throw.
  End run(const std::stop_token& stop);
  WalWriter& writer() noexcept { return writer_; }
  /// fsync, then a status message if there is news.
  void flush_and_report();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Taken { everything, part, last };

  Taken take_messages();
  void take(io::ByteView message);
  void archive(catalog::PartialSegment segment);
  void send_status(bool reply_now);
  void watch_silence();
  std::chrono::milliseconds until_next_status() const;

  WalWire* wire_;
  postgres::TimelineHistory line_;
  SegmentArchiver* archiver_;
  WalStreamSettings settings_;
  std::function<void(postgres::Lsn)> progress_;
  WalWriter writer_;
  postgres::Lsn reported_;    // or would have been, were it not below report_from
  bool reply_asked_ = false;  // by the server
  bool established_ = false;
  Clock::time_point status_sent_;
  Clock::time_point heard_;                 // from the server
  std::optional<Clock::time_point> asked_;  // the server, whether it is there
};

}  // namespace pgkeep::streaming
