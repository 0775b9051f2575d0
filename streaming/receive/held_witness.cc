#include "streaming/receive/held_witness.h"

#include <algorithm>

#include "catalog/wal/commit_times.h"

namespace pgkeep::streaming {
namespace {

postgres::Lsn begin_of_page(postgres::Lsn lsn) {
  return postgres::Lsn(lsn.value() / postgres::kWalBlockBytes * postgres::kWalBlockBytes);
}

/// The segment of `line` that ends at `end`.
postgres::WalSegment segment_before(const postgres::TimelineHistory& line, postgres::Lsn end,
                                    postgres::WalSegmentSize size) {
  return {line.timeline_at(postgres::Lsn(end.value() - 1)), end.value() / size.bytes() - 1};
}

}  // namespace

std::optional<HeldWitness> strong_witness(const catalog::WalArchive& archive,
                                          const postgres::TimelineHistory& line,
                                          const postgres::WalPosition& position, std::uint64_t most_bytes) {
  const auto size = archive.identity().wal_segment_size;
  std::optional<HeldWitness> found;
  for (auto end = position.lsn; end > postgres::Lsn();) {
    const auto segment = segment_before(line, end, size);
    // Where a timeline begins, its own first record tells the time; what lies before is asked for by another
    // name.
    if (found && segment.timeline != found->begin.timeline) break;
    if (!archive.has(segment)) break;
    if (position.lsn - segment.begin(size) > most_bytes) return std::nullopt;
    end = segment.begin(size);
    found = {{segment.timeline, end}, position.lsn};
    // Where nobody can tell what proves most, the last whole segment has to do.
    if (!archive.identity().formats_known()) break;
    const auto contents = catalog::read_wal_contents(archive, segment, segment.end(size));
    if (!contents || !contents->last_moment) continue;
    const auto from = begin_of_page(*contents->last_moment);
    // It may continue from a segment before, or from several.
    auto first = segment;
    while (first.begin(size) > from && archive.has({first.timeline, first.number - 1})) --first.number;
    if (first.begin(size) <= from) found->begin.lsn = from;
    break;
  }
  return found;
}

std::optional<HeldWitness> weak_witness(const catalog::WalArchive& archive,
                                        const postgres::TimelineHistory& line,
                                        const postgres::WalPosition& position, std::uint64_t most_bytes) {
  if (position.lsn == postgres::Lsn()) return std::nullopt;
  const auto size = archive.identity().wal_segment_size;
  const auto segment = segment_before(line, position.lsn, size);
  const auto file = archive.open_segment(segment);
  if (!file || !file->header().carry) return std::nullopt;
  const auto& carry = *file->header().carry;
  const auto last = carry.last_record == postgres::Lsn() ? carry.record : carry.last_record;
  const auto begin = std::max(begin_of_page(last), segment.begin(size));
  return HeldWitness{{segment.timeline, begin},
                     begin + std::min<std::uint64_t>(position.lsn - begin, most_bytes)};
}

ArchivedBytes::ArchivedBytes(const catalog::WalArchive& archive, const postgres::WalPosition& from)
    : archive_(&archive), segment_(postgres::WalSegment::holding(from, archive.identity().wal_segment_size)) {
  open_at(from.lsn);
}

void ArchivedBytes::open_at(postgres::Lsn lsn) {
  const auto size = archive_->identity().wal_segment_size;
  file_.emplace(archive_->layout().archived(segment_, size));
  io::ByteVector passed(postgres::kWalBlockBytes);
  for (auto skip = lsn - segment_.begin(size); skip > 0; skip -= passed.size()) read(passed);
}

void ArchivedBytes::read(io::ByteSpan into) {
  while (!into.empty()) {
    const auto n = file_->read(into);
    into = into.subspan(n);
    if (n > 0) continue;
    segment_ = segment_.next();
    open_at(segment_.begin(archive_->identity().wal_segment_size));
  }
}

bool partial_is_witness(const catalog::WalArchive& archive, const postgres::WalSegment& segment) {
  const auto end = archive.partial_end(segment);
  if (end == segment.begin(archive.identity().wal_segment_size)) return false;
  const auto contents = catalog::read_wal_contents(archive, segment, end);
  return contents && contents->last_moment;
}

}  // namespace pgkeep::streaming
