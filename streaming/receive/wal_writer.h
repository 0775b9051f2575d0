#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>

#include "catalog/wal/partial_segment.h"
#include "streaming/receive/segment_archiver.h"
#include "streaming/receive/wal_buffer.h"
#include "streaming/receive/wal_workers.h"

namespace pgkeep::streaming {

/// Writes the WAL of one stream: takes it into memory at once, and has it written into partial segments,
/// synced and, segment by segment, handed to the archiver by jobs in a pool, one at a time.
///
/// A job writes what is there, at most WalBuffer::kMostBytes, and syncs once: what comes meanwhile is for the
/// next one. Where syncs are grouped, jobs write when half the memory is full, and sync when the time has
/// come or much is written. The last run of a segment, which may be all that memory holds, waits there while
/// the archiver has no room. At a segment's end: sync, then the next segment's file is made durable, and only
/// then counts the end as flushed (catalog::PartialSegment says what for). A file is made, or opened, when
/// the first byte for it comes. While WAL flows, the next one is made ahead.
///
/// After a failure nothing more is written, and every call throws it. Borrows the archiver and the workers.
/// Threads: one, but for the pool's.
class WalWriter {
 public:
  using Clock = std::chrono::steady_clock;
  /// So much is written at most without a sync.
  static constexpr std::uint64_t kGroupBytes = 8u << 20;
  /// Who takes longer than this for half a segment waits for the next one's file; it is not worth the space.
  static constexpr std::chrono::seconds kIdleTime{60};

  /// How soon what was taken is to be on stable storage.
  struct Haste {
    std::chrono::milliseconds within{0};  // 0: at once
    bool operator==(const Haste&) const = default;
  };
  /// How far it is.
  struct State {
    postgres::Lsn written;                    // the system has it
    postgres::Lsn flushed;                    // on stable storage
    std::optional<io::TimePoint> busy_since;  // of the job in hand
    bool operator==(const State&) const = default;
  };

  using Synced = std::function<void(std::uint64_t bytes, std::chrono::microseconds took)>;
  /// Called from the pool's threads, and must not call back.
  struct Listeners {
    std::function<void()> changed;  // after every job
    Synced synced = {};             // after every sync that made something durable; may be empty
  };

  /// Of the timeline whose history is `line`, from `start` on, the first byte of a segment. Touches no disk.
  WalWriter(const store::ServerLayout& layout, postgres::WalSegmentSize size,
            const postgres::WalPosition& start, const postgres::TimelineHistory& line,
            SegmentArchiver& archiver, WalWorkers& workers, Listeners listeners);
  WalWriter(const WalWriter&) = delete;
  WalWriter& operator=(const WalWriter&) = delete;
  /// Writes and syncs what was taken, unless that fails or waits for the archiver.
  ~WalWriter();

  /// The first byte not taken yet.
  postgres::Lsn received() const noexcept { return received_; }
  /// Takes as much of `data`, which continue at received(), as there is room for; how much that was. `sent`
  /// is the server's clock.
  std::size_t take(io::ByteView data, io::TimePoint sent);
  /// Starts a job, when there is something that it should do and none is at it. To be called after take(),
  /// when the archiver may have room, and at sync_due(). `haste` holds from now on.
  void go_on(Haste haste);
  /// When go_on() has something to do by the time alone; nothing while it has not, or a job is at work.
  std::optional<Clock::time_point> sync_due() const;
  State state() const;
  /// Gives all memory back, unless something is in it: for a stream that is idle. What much WAL has taken
  /// goes back sooner, by itself.
  void release_memory();

  // Once all is flushed that was received:
  /// That of the next byte.
  const postgres::WalSegment& segment() const noexcept { return segment_; }
  /// Removes the file of segment(): when nothing was ever received into it and no more will be.
  void remove_partial();

 private:
  /// WAL that lies in the buffer after the run before it, and in one segment.
  struct Run {
    postgres::Lsn end;
    io::TimePoint first_sent;
    io::TimePoint last_sent;
  };
  // With the mutex held.
  bool may_go_on() const;
  bool may_write() const;
  bool sync_is_due() const;
  void submit_job();
  void release_most_memory();
  // The job.
  void work();
  void write_what_is_there();
  std::optional<Run> next_run();
  bool should_sync() const;
  void write(const Run& run);
  void put(const std::array<io::ByteView, 2>& pieces, const Run& run);
  void sync();
  void begin_next_segment();
  catalog::PartialSegment open(const postgres::WalSegment& segment);
  postgres::Lsn written() const noexcept;
  postgres::Lsn flushed() const noexcept;

  store::ServerLayout layout_;
  postgres::WalSegmentSize size_;
  postgres::TimelineHistory line_;
  SegmentArchiver* archiver_;
  WalWorkers* workers_;
  Listeners listeners_;
  postgres::Lsn received_;

  // Of the job at work.
  postgres::WalSegment segment_;
  std::optional<catalog::PartialSegment> current_;
  catalog::SpareSegment spare_;
  catalog::Filling filling_ = catalog::Filling::zeroes;  // of the files that are made from now on
  Clock::time_point begun_;                              // the segment in hand
  bool spare_considered_ = false;                        // for it

  mutable std::mutex mutex_;  // guards what follows
  WalBuffer buffer_;
  std::deque<Run> runs_;
  Haste haste_;
  std::optional<Clock::time_point> unsynced_since_;  // since when there is something to sync
  bool at_work_ = false;                             // a job is given to the pool
  State state_;
  std::exception_ptr failure_;
  std::condition_variable ended_;  // at_work_
  Clock::time_point released_;     // memory
};

}  // namespace pgkeep::streaming
