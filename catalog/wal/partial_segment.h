#pragma once

#include <cstdint>
#include <optional>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/units.h"
#include "catalog/postgres/wal_segment.h"
#include "catalog/store/layout.h"
#include "catalog/wal/spare_segment.h"

namespace pgkeep::catalog {

/// The server sends other bytes than it did before at the same position: two histories of one timeline.
class OtherWal : public Corruption {
 public:
  using Corruption::Corruption;
};

/// The WAL segment being received: wal/streaming/<24 hex>.partial, plain bytes, as long as the segment from
/// the start (zeroes past what came), so that a position in the file is a position in the segment.
///
/// Opening one that is there keeps its bytes: a receiver that starts again at the segment's first byte writes
/// the same bytes over themselves, and what was acknowledged is never missing from the disk, not for a
/// moment. Bytes that differ from non-zero bytes that are there already are refused with Corruption: then the
/// server tells another history than before.
///
/// That a segment came to its end is seen from the next one's file: who receives makes that one only after
/// this one is whole and synced, and reports the end of this one only after that one is durable. So a partial
/// with a successor on its timeline has all its bytes, and the server need not be asked for it again. One
/// thread.
class PartialSegment {
 public:
  /// Makes the file full of zeroes and durable (file, folder), of `spare` when it has one, or opens the one
  /// that is there, its name durable by then; throws Corruption when that one has a size that is neither 0
  /// nor the segment's.
  static PartialSegment open(const store::ServerLayout& layout, const postgres::WalSegment& segment,
                             postgres::WalSegmentSize size, SpareSegment* spare = nullptr,
                             Filling filling = Filling::zeroes);

  const postgres::WalSegment& segment() const noexcept { return segment_; }
  /// The next byte expected.
  postgres::Lsn written() const noexcept { return written_; }
  /// Everything before it is on stable storage.
  postgres::Lsn flushed() const noexcept { return flushed_; }
  bool complete() const noexcept;
  /// `bytes` continue at written() and do not go past the segment's end. `sent` is the server's clock.
  void write(io::ByteView bytes, std::optional<io::TimePoint> sent);
  /// The same for what came in several messages.
  void write(io::ByteView bytes, io::TimePoint first_sent, io::TimePoint last_sent);
  /// Removes the file durably: it is archived, or nothing was ever written to it.
  void remove();
  /// fdatasync, which suffices as blocks and size are on disk from the start; afterwards flushed() ==
  /// written().
  void flush();
  const io::File& file() const noexcept { return file_; }
  std::optional<io::TimePoint> first_time() const noexcept { return first_time_; }
  std::optional<io::TimePoint> last_time() const noexcept { return last_time_; }

 private:
  PartialSegment(io::File file, postgres::WalSegment segment, postgres::WalSegmentSize size,
                 bool had_content);
  void put(io::ByteView bytes);
  void refuse_conflict(io::ByteView bytes) const;

  io::File file_;
  postgres::WalSegment segment_;
  postgres::WalSegmentSize size_;
  postgres::Lsn written_;
  postgres::Lsn flushed_;
  bool had_content_;  // from an earlier run: compared before it is overwritten
  std::optional<io::TimePoint> first_time_;
  std::optional<io::TimePoint> last_time_;
};

/// Takes back what a partial holds from `end` on, with the file when that is its first byte; durable before
/// it returns. For WAL that turned out to be another's: never for what was received from the server itself.
void cut_partial(const store::ServerLayout& layout, const postgres::WalSegment& segment,
                 postgres::WalSegmentSize size, postgres::Lsn end);

/// The offset of the first byte of `there` that is neither zero nor the same in `expected` (as long); nothing
/// when `there` can be an earlier state of `expected`. Zeroes may stand anywhere: a power cut loses unsynced
/// blocks singly.
std::optional<std::size_t> first_conflict(io::ByteView there, io::ByteView expected);

}  // namespace pgkeep::catalog
