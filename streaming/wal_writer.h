#pragma once

#include <functional>
#include <optional>

#include "catalog/partial_segment.h"
#include "streaming/wal_message.h"

namespace pgkeep::streaming {

/// Puts the WAL of one timeline, as it arrives, into partial segments.
///
/// At a segment's end: fsync, then the next segment's file is made durable, and only then counts the end as
/// flushed (catalog::PartialSegment says what for). Nothing is ever taken that does not continue at
/// written(). One thread.
class WalWriter {
 public:
  /// Gets each complete segment; flushed() is past it then. May block.
  using Completed = std::function<void(catalog::PartialSegment)>;
  /// `start` is the first byte of a segment.
  WalWriter(store::ServerLayout layout, postgres::WalSegmentSize size, const postgres::WalPosition& start,
            Completed completed);

  postgres::Lsn written() const noexcept { return current_.written(); }
  postgres::Lsn flushed() const noexcept { return current_.flushed(); }
  const postgres::WalSegment& segment() const noexcept { return current_.segment(); }

  /// Throws ProtocolError unless the data continue at written(); Corruption, StorageError as PartialSegment
  /// does.
  void write(const WalData& wal);
  void flush() { current_.flush(); }
  /// Removes the file of the segment in hand: when nothing was ever received into it and no more will be.
  void remove_current() { current_.remove(); }

 private:
  void begin_next_segment();

  store::ServerLayout layout_;
  postgres::WalSegmentSize size_;
  Completed completed_;
  catalog::PartialSegment current_;
};

}  // namespace pgkeep::streaming
