#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "catalog/wal/waiting_wal.h"

namespace pgkeep::catalog {

/// Puts a segment that was pushed and waits into the place of an archived one that is damaged: that cannot be
/// read, or whose pages or records are not sound or do not continue those of the segment before it. The copy
/// must be sound; of the segments that are held before and after it none may contradict it, and at least one
/// must join it. What is damaged is never deleted: it stays beside the segment as <24 hex>.damaged.<number>.
///
/// For an operator to decide, as nothing shows that the server itself wrote the copy. Borrows the archive.
/// Any thread; several processes may do it at once, and WAL may be received meanwhile.
class WalReplacement {
 public:
  explicit WalReplacement(const WalArchive& archive) : archive_(&archive), waiting_(archive) {}

  struct Candidate {
    WaitingSegment waiting;
    std::string damage;  // of the archived one
  };
  struct Offer {
    std::vector<Candidate> segments;   // in the order of the WAL
    std::vector<std::string> why_not;  // of other copies that wait of damaged segments, one each
  };
  /// Of all that waits, or of one segment alone. Reads each archived segment of which a copy waits.
  Offer offer(const std::optional<postgres::WalSegment>& only) const;
  /// Where the first, the second … file that was damaged is kept.
  std::filesystem::path damaged_file(const postgres::WalSegment& segment, unsigned number) const;

  /// Durable when it returns; the event `adopted` is recorded before. The header of what is archived now.
  /// Throws Refused, and nothing is changed, when it is not as it was offered any more; StorageError: then
  /// the segment may be missing in the archive, the copy waits, and fills that gap as every other.
  SegmentFileHeader take(const Candidate& candidate, const WaitingWal::Record& record);

 private:
  std::string why_not(const postgres::WalSegment& segment, const PushedCopy& copy) const;
  std::filesystem::path place_for_damaged(const postgres::WalSegment& segment) const;

  const WalArchive* archive_;  // borrowed
  WaitingWal waiting_;
};

}  // namespace pgkeep::catalog
