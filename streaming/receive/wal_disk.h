#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>

#include "streaming/receive/segment_archiver.h"
#include "streaming/receive/wal_buffer.h"
#include "streaming/receive/wal_memory.h"
#include "streaming/receive/wal_writer.h"

namespace pgkeep::streaming {

/// The disk's side of one WAL stream: takes WAL into memory at once, and has it written, synced and, segment
/// by segment, handed to the archiver by jobs in a pool, one at a time.
///
/// A job writes what is there, at most kBufferBytes, and syncs once: what comes meanwhile is for the next
/// one. Of memory there is kOwnBytes, and kBufferBytes while the streams' shared memory has the rest. Where
/// syncs are grouped, jobs write when half the memory is full, and sync when the time has come or much is
/// written. The last run of a segment, which may be all that memory holds, waits there while the archiver has
/// no room. After a failure nothing more is written, and every call throws it. Borrows the archiver and the
/// pool. Threads: one, but for the pool's.
class WalDisk {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kOwnBytes = 256u << 10;
  static constexpr std::size_t kBufferBytes = 1u << 20;
  /// So much is written at most without a sync.
  static constexpr std::uint64_t kGroupBytes = 8u << 20;
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

  /// `news` is called from the pool's threads after every job, and must not call back. `memory` is borrowed.
  WalDisk(WalWriter writer, const postgres::TimelineHistory& line, SegmentArchiver& archiver,
          io::WorkerPool& pool, WalMemory& memory, std::function<void()> news);
  WalDisk(const WalDisk&) = delete;
  WalDisk& operator=(const WalDisk&) = delete;
  /// Writes and syncs what was taken, unless that fails or waits for the archiver.
  ~WalDisk();

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
  /// Only while no job is at work: when flushed is received().
  WalWriter& writer() noexcept { return writer_; }

 private:
  /// WAL that lies in the buffer behind the run before it, and in one segment.
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
  void take_memory(std::size_t wanted);
  void give_memory_back();
  void release_most_memory();
  // The job.
  void work();
  void write_what_is_there();
  std::optional<Run> next_run();
  bool should_sync() const;
  void write(const Run& run);

  WalWriter writer_;  // of the job at work
  postgres::TimelineHistory line_;
  SegmentArchiver* archiver_;
  io::WorkerPool* pool_;
  std::function<void()> news_;
  std::size_t segment_bytes_;
  postgres::Lsn received_;

  mutable std::mutex mutex_;  // guards what follows
  WalMemory* memory_;
  WalBuffer buffer_{kOwnBytes, kBufferBytes};
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
