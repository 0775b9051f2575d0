#pragma once

#include <optional>

#include "catalog/wal/wal_archive.h"

namespace pgkeep::streaming {

/// A stretch of archived WAL of one timeline.
struct HeldWitness {
  postgres::WalPosition begin;  // the first byte of a page
  postgres::Lsn end;
};

/// What proves the history of a server that is to continue at `position`, the begin of a segment on `line`:
/// what is held before it, from the last postgres::WalMoment on, or of all of the timeline when it has none.
/// The records after that do not suffice. A server that was put back gives the same work the same transaction
/// numbers, and writes the same bytes at the same positions again; only the times differ.
///
/// Nothing when nothing is archived before `position`, and when it is more than `most_bytes` (at least a
/// segment): one transaction may fill any number of segments. Costs reading these. Throws Corruption when one
/// cannot be read.
std::optional<HeldWitness> strong_witness(const catalog::WalArchive& archive,
                                          const postgres::TimelineHistory& line,
                                          const postgres::WalPosition& position, std::uint64_t most_bytes);

/// The last records before `position`, `most_bytes` at most: a record's header has its CRC, so of a longer
/// one the beginning is enough. Not the last page: a WAL switch leaves zeroes there. Nothing when the segment
/// before is not archived, or does not say where they are. Throws Corruption like strong_witness().
std::optional<HeldWitness> weak_witness(const catalog::WalArchive& archive,
                                        const postgres::TimelineHistory& line,
                                        const postgres::WalPosition& position, std::uint64_t most_bytes);

/// Whether what is held in the partial of a segment is a strong witness. It is compared while the segment is
/// received again.
bool partial_is_witness(const catalog::WalArchive& archive, const postgres::WalSegment& segment);

/// The archived bytes of one timeline from a position on, one segment after the other.
class ArchivedBytes {
 public:
  ArchivedBytes(const catalog::WalArchive& archive, const postgres::WalPosition& from);
  /// Fills `into`. Throws Corruption and StorageError where the archive does not continue.
  void read(io::ByteSpan into);

 private:
  void open_at(postgres::Lsn lsn);

  const catalog::WalArchive* archive_;
  postgres::WalSegment segment_;
  std::optional<catalog::SegmentFileReader> file_;
};

}  // namespace pgkeep::streaming
