#pragma once

#include <map>
#include <optional>
#include <vector>

#include "catalog/wal/held_line.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// Where one timeline continues as the next.
struct WalJoint {
  postgres::TimelineId from;
  postgres::TimelineId to;
  postgres::Lsn at;
};

/// All the WAL that is held of a server, as it was at one moment. The only place that knows which file of a
/// segment counts, and how far it reaches: a caller that wants to know what WAL there is reads this once, and
/// asks it.
///
/// A plain value: any thread, and no file is looked at after read(). What is recorded about WAL (gaps, WAL of
/// wal_level = minimal) is given to the questions that need it. Nothing here is known to be durable: see
/// WalArchive::partial_end().
class HeldWal {
 public:
  /// Reads the names in the archive, the histories, and the end of each partial (a few ms for 16 MiB). A
  /// receiver may be at work: what was held when it began is in it, and there is no gap in it that there
  /// never was, unless old WAL is being removed meanwhile (wal_removal.h). Throws StorageError.
  static HeldWal read(const WalArchive& archive);
  /// The same of the segments from `begin` to `end` along a line alone, which costs two looks at each of
  /// them, however much is held.
  static HeldWal read_between(const WalArchive& archive, const postgres::TimelineHistory& line,
                              postgres::Lsn begin, postgres::Lsn end);
  /// Of these, only what is archived: no partial is opened.
  static HeldWal read_archived_between(const WalArchive& archive, const postgres::TimelineHistory& line,
                                       postgres::Lsn begin, postgres::Lsn end);
  /// Nothing is held.
  HeldWal() = default;
  /// `received`: of each partial in `names`.
  HeldWal(WalInventory names, std::map<postgres::WalSegment, ReceivedWal> received,
          postgres::WalSegmentSize size);

  postgres::WalSegmentSize segment_size() const noexcept { return size_; }
  /// A partial in it is not archived.
  const WalInventory& names() const noexcept { return names_; }
  /// How far each partial has come.
  const std::map<postgres::WalSegment, ReceivedWal>& received() const noexcept { return received_; }
  HeldLine along(const postgres::TimelineHistory& line) const;
  /// Along the line of the newest timeline; nothing when there is no WAL.
  std::optional<HeldLine> along_newest() const;

  /// What is held of each timeline, whatever line it is of: by timeline and position.
  std::vector<WalRange> ranges() const;
  /// Between timelines that have WAL here.
  std::vector<WalJoint> joints() const;
  /// The file of a segment, whatever line it is of. Nothing: none is held.
  std::optional<HeldFile> file_of(const postgres::WalSegment& segment) const;
  /// Whether all of a segment is held: that it is not archived yet makes it no gap.
  bool has_all_of(const postgres::WalSegment& segment) const;
  /// The last file of a timeline, be it a partial with nothing in it.
  std::optional<HeldFile> last_of(postgres::TimelineId timeline) const;

  /// Whether there is WAL after a segment, of its timeline or of one that left it later. Then the server has
  /// completed the segment, and no recovery may end for want of it.
  bool is_followed(const postgres::WalSegment& segment) const;
  /// What a recovery is given that asks for a segment by name, as PostgreSQL does without saying along which
  /// line it recovers. Its own file; but in the segment in which its timeline began, the file of an ancestor
  /// that reaches further, since the copy of what that one left there may be on its way, and must not pass
  /// for the end of the WAL. Of a partial in which a timeline was left that has WAL, but not this segment,
  /// only what lies before: PostgreSQL may ask for this file in the place of that one. Nothing: none is held.
  std::optional<HeldFile> file_for(const postgres::WalSegment& segment) const;

 private:
  bool has(const postgres::WalSegment& segment) const {
    return names_.segments.contains(segment) || received_.contains(segment);
  }
  HeldFile partial_file(const postgres::WalSegment& segment, const ReceivedWal& received) const;
  postgres::Lsn undoubted_end(const postgres::WalSegment& segment) const;

  WalInventory names_;
  std::map<postgres::WalSegment, ReceivedWal> received_;
  postgres::WalSegmentSize size_;
};

}  // namespace pgkeep::catalog
