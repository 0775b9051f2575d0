#pragma once

#include "catalog/io/bytes.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/wal/commit_times.h"
#include "catalog/wal/wal_segment_file.h"

namespace pgkeep::catalog {

class WalArchive;

/// What a segment has to pass before it is archived, while its bytes go by: every page and every record,
/// which have to continue the archived segment before it and join the one after it, and pages of zeroes only
/// after a WAL switch. Of a version that is not known (ServerIdentity::formats_known()) the length alone.
/// Borrows the archive. One thread.
class SegmentCheck {
 public:
  SegmentCheck(const WalArchive& archive, const postgres::WalSegment& segment,
               const postgres::TimelineHistory& history);

  /// The segment's bytes in order, in pieces of any size. Throws Corruption, as finish() does.
  void feed(io::ByteView bytes);
  /// Of a segment that was fed whole: what the header of its file says, but for its CRC and the times of
  /// sending.
  SegmentFileHeader finish() const;

 private:
  const WalArchive* archive_;
  postgres::WalSegment segment_;
  postgres::WalSegmentChecker pages_;
  WalContentsReader contents_;
};

}  // namespace pgkeep::catalog
