#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// How HeldWal looks at an archive into which a receiver may be writing. `Archive` is WalArchive, or that of
/// a test in which something happens between any two looks.
///
/// What a receiver does, in this order: it makes a segment's partial, which gets whole; makes the next
/// segment's partial; the segment is archived; its partial goes. So of two segments the earlier one is there
/// whenever the later one is.
template <typename Archive>
class WalLook {
 public:
  explicit WalLook(const Archive& archive) : archive_(&archive) {}

  void at_all() {
    names = archive_->inventory();
    // After all names: a segment is whole before there is one that follows it.
    for (const auto& partial : names.partials) at(partial);
    close_gaps();
  }
  /// False when it is not held.
  bool at(const postgres::WalSegment& segment) {
    // The partial first: one that is archived between the two looks is found by the second. The other way
    // round it would be found by neither.
    const auto received = archive_->received(segment);
    if (archive_->has(segment)) {
      names.segments.insert(segment);
    } else if (received) {
      partials.insert_or_assign(segment, *received);
    } else {
      return false;
    }
    return true;
  }

  WalInventory names;
  std::map<postgres::WalSegment, ReceivedWal> partials;

 private:
  /// A listing takes its time. It may have a segment that was archived meanwhile, and not the one before,
  /// which was as well: that would be a gap that there never was. What precedes is asked for by name.
  void close_gaps() {
    auto seen = names.segments;
    for (const auto& [segment, received] : partials) seen.insert(segment);
    for (const auto& run : seen.runs()) {
      postgres::WalSegment segment{run.timeline, run.first};
      while (segment.number > 0) {
        --segment.number;
        if (seen.contains(segment) || !at(segment)) break;
      }
    }
  }

  const Archive* archive_;
};

}  // namespace pgkeep::catalog
