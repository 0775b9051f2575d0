#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "catalog/postgres/wal_page.h"
#include "catalog/wal/held_wal.h"

namespace pgkeep::catalog {

/// Reads segments back as they are stored: every page and every record, and that they continue the archived
/// segment before them. Of a version that is not known (ServerIdentity::formats_known()) it is the file that
/// is checked, and that it is as long as a segment. Several threads may use one; borrows the archive.
class StoredSegmentCheck {
 public:
  explicit StoredSegmentCheck(const WalArchive& archive) : archive_(&archive) {}

  const WalArchive& archive() const noexcept { return *archive_; }
  /// A file that was held, up to `until`; after that a partial may be written meanwhile, or it may be
  /// archived. False when it is not there any more, or has less. Throws Corruption: what is wrong with it.
  bool check(const HeldFile& file, postgres::Lsn until);
  /// False when it is not archived. Throws like check().
  bool check_archived(const postgres::WalSegment& segment);
  /// How many were read.
  std::uint64_t read() const noexcept { return read_; }

 private:
  bool check_partial(const postgres::WalSegment& segment, postgres::Lsn until);
  postgres::WalSegmentChecker pages_of(const postgres::WalSegment& segment) const;

  const WalArchive* archive_;
  std::atomic<std::uint64_t> read_{0};
};

/// That the history of a timeline is not held, what comes of it, and the way out.
std::string describe_missing_history(const store::ServerLayout& layout, postgres::TimelineId timeline);

/// What is wrong with an archived segment, with its records or with the file; nothing when it is sound, is
/// not archived, or cannot be judged, since the history of its timeline is not here or is damaged itself.
std::optional<std::string> damage_of(const WalArchive& archive, const postgres::WalSegment& segment);

}  // namespace pgkeep::catalog
