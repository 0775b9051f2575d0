#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "catalog/io/worker_pool.h"
#include "catalog/wal/partial_segment.h"

namespace pgkeep::streaming {

/// Puts the WAL of one timeline, as it arrives, into partial segments.
///
/// At a segment's end: sync, then the next segment's file is made durable, and only then counts the end as
/// flushed (catalog::PartialSegment says what for). A file is made, or opened, when the first byte for it
/// comes. While WAL flows, the next one is made ahead. One thread at a time; borrows the pool.
class WalWriter {
 public:
  /// Who takes longer than this for half a segment waits for the next one's file; it is not worth the space.
  static constexpr std::chrono::seconds kIdleTime{60};

  /// `start` is the first byte of a segment. Touches no disk.
  WalWriter(store::ServerLayout layout, postgres::WalSegmentSize size, const postgres::WalPosition& start,
            io::WorkerPool& spare_pool);

  /// Of the files that are made from now on.
  void fill_with(catalog::Filling filling) noexcept { filling_ = filling; }

  postgres::Lsn written() const noexcept;
  postgres::Lsn flushed() const noexcept;
  const postgres::WalSegment& segment() const noexcept { return segment_; }
  postgres::WalSegmentSize segment_size() const noexcept { return size_; }
  postgres::Lsn segment_end() const noexcept { return segment_.end(size_); }

  /// `bytes` continue at written() and do not go past segment_end(); the times are the server's. Throws
  /// Corruption, StorageError as PartialSegment does.
  void write(io::ByteView bytes, io::TimePoint first_sent, io::TimePoint last_sent);
  bool segment_complete() const noexcept { return written() == segment_end(); }
  /// Gives away the complete segment, synced and with a durable successor.
  catalog::PartialSegment begin_next_segment();
  void flush();
  /// Removes the file of the segment in hand: when nothing was ever received into it and no more will be.
  void remove_current();

 private:
  catalog::PartialSegment open(const postgres::WalSegment& segment);
  void consider_spare();

  store::ServerLayout layout_;
  postgres::WalSegmentSize size_;
  io::WorkerPool* spare_pool_;
  catalog::Filling filling_ = catalog::Filling::zeroes;
  postgres::WalSegment segment_;
  std::optional<catalog::PartialSegment> current_;
  std::unique_ptr<catalog::SpareSegment> spare_;  // its address is its own, ours may change
  std::chrono::steady_clock::time_point begun_;   // the segment in hand
  bool spare_considered_ = false;                 // for it
};

}  // namespace pgkeep::streaming
