#include "catalog/wal/segment_check.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

SegmentCheck::SegmentCheck(const WalArchive& archive, const postgres::WalSegment& segment,
                           const postgres::TimelineHistory& history)
    : archive_(&archive),
      segment_(segment),
      pages_(segment, archive.identity().wal_segment_size, archive.identity().system,
             archive.identity().major_version, history),
      contents_(archive, segment) {}

void SegmentCheck::feed(io::ByteView bytes) {
  pages_.feed(bytes);
  contents_.feed(bytes);
}

SegmentFileHeader SegmentCheck::finish() const {
  pages_.finish();
  const auto& records = contents_.records();
  if (records.defect()) throw Corruption(*records.defect());
  if (records.ended_early()) {
    throw Corruption(fmt::format("the WAL of this complete segment ends at {} without a WAL switch",
                                 records.end().to_string()));
  }
  const auto& identity = archive_->identity();
  const auto found = contents_.contents();
  SegmentFileHeader header{.segment = segment_, .size = identity.wal_segment_size, .system = identity.system};
  header.commits = found.commits;
  header.notes = found.notes;
  header.carry = records.carry();
  const auto next = segment_.next();
  if (header.carry && archive_->has(next) && archive_->continues(next, *header.carry) == Joins::no)
    throw Corruption("its records do not join those of the archived segment after it");
  return header;
}

}  // namespace pgkeep::catalog
