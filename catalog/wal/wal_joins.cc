#include "catalog/io/error.h"
#include "catalog/postgres/wal_records.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {
namespace {

/// Whether the records of `segment` up to `limit` continue what `carry` tells, by the first that ends there.
Joins joins(io::ByteSource& segment, postgres::WalSegmentSize size, const postgres::WalCarry& carry,
            postgres::Lsn limit) {
  postgres::WalRecordWalker walker(carry, size, {});
  walker.set_limit(limit);
  io::ByteVector page(postgres::kWalBlockBytes);
  for (auto at = carry.at; at < limit;) {
    const auto n = segment.read(page);
    if (n == 0) break;
    walker.feed(io::ByteView(page).first(n));
    if (walker.end() > carry.at) return Joins::yes;
    if (walker.defect()) return Joins::no;
    at = at + n;
  }
  return Joins::not_known;
}

}  // namespace

std::optional<postgres::WalCarry> WalArchive::carry_into(const postgres::WalSegment& segment) const {
  const auto line = history(segment.timeline);
  if (segment.number == 0 || !line) return std::nullopt;
  const postgres::Lsn last_byte(segment.begin(identity_.wal_segment_size).value() - 1);
  try {
    const auto before = open_segment({line->timeline_at(last_byte), segment.number - 1});
    return before ? before->header().carry : std::nullopt;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return std::nullopt;  // verification tells of it; what follows it can be sound
  }
}

Joins WalArchive::continues(const postgres::WalSegment& segment, const postgres::WalCarry& carry) const {
  const auto size = identity_.wal_segment_size;
  if (carry.at != segment.begin(size)) return Joins::not_known;
  try {
    if (auto archived = open_segment(segment)) return catalog::continues(*archived, carry);
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return Joins::not_known;  // verification tells of it
  }
  const auto partial = open_partial(segment);
  if (!partial) return Joins::not_known;
  io::FileSource source(*partial);
  return joins(source, size, carry, partial_end(segment));
}

Joins continues(SegmentFileReader& segment, const postgres::WalCarry& carry) {
  const auto& header = segment.header();
  if (carry.at != header.segment.begin(header.size)) return Joins::not_known;
  return joins(segment, header.size, carry, header.segment.end(header.size));
}

}  // namespace pgkeep::catalog
