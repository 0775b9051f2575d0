#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catalog/records/event_journal.h"
#include "catalog/wal/pushed_copy.h"
#include "catalog/wal/staged_file.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// How much that was pushed may wait for one server. What goes past it is refused, so that the database keeps
/// it; nothing that waits is dropped for it.
struct PushedWalLimits {
  std::uint64_t most_bytes = std::uint64_t{64} << 30;  // on disk
  std::uint64_t most_files = 10'000;
};

/// A segment that was pushed and waits.
struct WaitingSegment {
  postgres::WalSegment segment;
  PushedCopy copy;
};

/// The segments that were pushed ahead of the stream, each as a segment file in wal/pushed under the name of
/// a PushedCopy. They count for nothing: they were checked, but whether they are of the history that is held
/// shows only when the stream brings the same segment, or when their records join those of archived segments
/// on both sides (WalAdoption). Several copies of a segment may wait that differ: a clone of the host may
/// have pushed the first.
///
/// Borrows the archive. Every call may run in several threads and processes at once.
class WaitingWal {
 public:
  /// So many copies of one segment wait; one is right.
  static constexpr std::size_t kMostCopies = 4;
  /// Told of what has to be recorded before the next step; may throw.
  using Record = std::function<void(const Event&)>;

  explicit WaitingWal(const WalArchive& archive) : archive_(&archive) {}

  /// By segment.
  std::vector<WaitingSegment> list() const;
  std::vector<WaitingSegment> of(const postgres::WalSegment& segment) const;

  /// Keeps a checked segment until it is proved; durable before it returns. `header` is that of
  /// WalArchive::check_segment(). False when the same bytes wait already; a copy of them that turns out
  /// to be damaged is written again. The caller has a WalArchiveWriter, so that the segment is not archived
  /// meanwhile, and has seen that it is not. Throws Refused when there is no room for it under the limits.
  bool keep(const SegmentFileHeader& header, const StagedFile& pushed, const PushedWalLimits& limits) const;

  /// Compares the copies that wait of a segment that is archived with it. Those with the same bytes go; one
  /// that differs becomes a conflict (WalConflicts), one that is damaged goes: the segment is there. Where
  /// there is no room for another conflict the copies stay, which is one event, always the same. One whose
  /// archived segment is damaged stays. So does one that fails otherwise, which keeps no other from being
  /// settled: what went wrong, with the file's name, is returned, and the next call tries again.
  std::vector<std::string> settle(const postgres::WalSegment& segment, const Record& record) const;
  /// Of all that waits.
  std::vector<std::string> settle_all(const Record& record) const;

  /// As an operator decides; durable before it returns. False when it was gone.
  bool remove(const WaitingSegment& waiting) const;

 private:
  void require_room(const SegmentFileHeader& header, const StagedFile& pushed,
                    const PushedWalLimits& limits) const;
  std::vector<std::string> settle(const std::vector<WaitingSegment>& waiting, const Record& record) const;
  bool settle(const WaitingSegment& waiting, const Record& record) const;
  bool put_aside(const WaitingSegment& waiting, postgres::Lsn differs_at, const Record& record) const;

  const WalArchive* archive_;  // borrowed
};

}  // namespace pgkeep::catalog
