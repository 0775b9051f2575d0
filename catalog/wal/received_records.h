#pragma once

#include <optional>
#include <string>

#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// How far the records of a segment that is still being received are whole.
struct ReceivedRecords {
  postgres::Lsn end;  // the first byte after the last whole record
  /// What is wrong there, when it is not just where the bytes end: of a record that came whole, or of one
  /// that does not continue what is archived before it. Replay would end there without a word.
  std::optional<std::string> damage;
};

/// Reads the partial of a segment up to `end` (of WalArchive::partial_end(), or the segment's end for one
/// that came whole). A partial that is gone has no damage: it was archived, and was checked then. A record in
/// the last page that continues beyond `end` counts as cut, unless a later record names it as the one before.
/// Of a version that is not known (ServerIdentity::formats_known()) all bytes count.
ReceivedRecords check_received_records(const WalArchive& archive, const postgres::WalSegment& segment,
                                       postgres::Lsn end);

}  // namespace pgkeep::catalog
