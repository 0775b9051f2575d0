#include "catalog/wal/commit_times.h"

#include <algorithm>
#include <array>
#include <utility>

#include "catalog/io/file.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;

/// `bytes` of the source at most. Filled up with zeroes to a page: nothing is known of what follows.
void feed(io::ByteSource& source, std::uint64_t bytes, WalContentsReader& reader) {
  io::ByteVector buffer(kReadBytes);
  std::uint64_t fed = 0;
  while (fed < bytes) {
    const auto n =
        source.read(io::ByteSpan(buffer).first(std::min<std::uint64_t>(buffer.size(), bytes - fed)));
    if (n == 0) break;
    reader.feed(io::ByteView(buffer).first(n));
    fed += n;
  }
  constexpr std::array<std::byte, postgres::kWalBlockBytes> kZeroes{};
  if (const auto over = fed % kZeroes.size(); over != 0) {
    reader.feed(io::ByteView(kZeroes).first(kZeroes.size() - over));
  }
}

WalContents not_looked_into() {
  WalContents contents;
  contents.commits.known = contents.notes.complete = false;
  return contents;
}

postgres::WalRecordWalker walker_into(const WalArchive& archive, const postgres::WalSegment& segment,
                                      postgres::WalRecordWalker::Handlers handlers) {
  const auto size = archive.identity().wal_segment_size;
  if (const auto before = archive.carry_into(segment)) return {*before, size, std::move(handlers)};
  return {segment.begin(size), size, std::move(handlers)};
}

/// False when the segment is not held. The partial first: it becomes an archived segment, never the other
/// way.
bool feed_segment(const WalArchive& archive, const postgres::WalSegment& segment, postgres::Lsn end,
                  WalContentsReader& reader) {
  const auto size = archive.identity().wal_segment_size;
  const auto bytes = std::min(end, segment.end(size)) - segment.begin(size);
  reader.set_limit(segment.begin(size) + bytes);
  if (const auto partial = archive.open_partial(segment)) {
    io::FileSource source(*partial);
    feed(source, bytes, reader);
    return true;
  }
  auto archived = archive.open_segment(segment);
  if (archived) feed(*archived, bytes, reader);
  return archived.has_value();
}

}  // namespace

void CommitTimes::add(io::TimePoint time) {
  earliest = earliest ? std::min(*earliest, time) : time;
  latest = latest ? std::max(*latest, time) : time;
}

postgres::WalRecordWalker::Handlers WalContentsReader::handlers() {
  std::function<void(postgres::Lsn)> record;
  if (wanted_.from) {
    record = [this](postgres::Lsn begin) {
      if (!found_.wanted && begin >= *wanted_.from) found_.wanted = begin;
    };
  }
  return {
      .record = std::move(record),
      .moment = [this](const postgres::WalMoment& moment) { note(moment); },
      .parameters =
          [this](const postgres::WalParameters& parameters) {
            found_.notes.parameters.push_back(parameters);
          },
      .tablespace =
          [this](const postgres::TablespaceChange& change) { found_.notes.tablespaces.push_back(change); },
      .checkpoint =
          [this](const postgres::WalCheckpoint& checkpoint) { found_.checkpoints.push_back(checkpoint); }};
}

void WalContentsReader::note(const postgres::WalMoment& moment) {
  using Kind = postgres::WalMoment::Kind;
  found_.last_moment = moment.begin;
  if (!found_.wanted && wanted_.moment && wanted_.moment(moment)) found_.wanted = moment.begin;
  switch (moment.kind) {
    case Kind::commit:
    case Kind::abort:
      found_.commits.add(moment.time);
      break;
    case Kind::restore_point:
      found_.restore_points.push_back({std::string(moment.name), moment.time, moment.begin});
      break;
    case Kind::end_of_recovery:
      break;
  }
}

WalContentsReader::WalContentsReader(postgres::Lsn begin, postgres::WalSegmentSize size, WantedRecord wanted)
    : wanted_(std::move(wanted)), walker_(begin, size, handlers()) {}

WalContentsReader::WalContentsReader(const postgres::WalCarry& from, postgres::WalSegmentSize size,
                                     WantedRecord wanted)
    : wanted_(std::move(wanted)), walker_(from, size, handlers()) {}

WalContentsReader::WalContentsReader(const WalArchive& archive, const postgres::WalSegment& segment)
    : formats_known_(archive.identity().formats_known()),
      walker_(walker_into(archive, segment, handlers())) {}

WalContents WalContentsReader::contents() const {
  if (!formats_known_) return not_looked_into();
  auto contents = found_;
  contents.commits.known = contents.notes.complete = !walker_.defect() && walker_.understood();
  return contents;
}

std::optional<WalContents> read_wal_contents(const WalArchive& archive, const postgres::WalSegment& segment,
                                             postgres::Lsn end, const WantedRecord& wanted) {
  if (!archive.identity().formats_known()) {
    if (!archive.open_partial(segment) && !archive.has(segment)) return std::nullopt;
    return not_looked_into();
  }
  const auto size = archive.identity().wal_segment_size;
  if (const auto before = archive.carry_into(segment)) {
    WalContentsReader joined(*before, size, wanted);
    if (!feed_segment(archive, segment, end, joined)) return std::nullopt;
    if (!joined.records().defect()) return joined.contents();
  }
  WalContentsReader alone(segment.begin(size), size, wanted);
  if (!feed_segment(archive, segment, end, alone)) return std::nullopt;
  return alone.contents();
}

}  // namespace pgkeep::catalog
