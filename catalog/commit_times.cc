#include "catalog/commit_times.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/wal_archive.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;

std::optional<io::File> open_partial(const WalArchive& archive, const postgres::WalSegment& segment) {
  try {
    return io::File::open_to_read(archive.layout().partial(segment, archive.identity().wal_segment_size));
  } catch (const StorageError& error) {
    if (error.cause() == ENOENT) return std::nullopt;
    throw;
  }
}

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

/// False when the segment is not held. The partial first: it becomes an archived segment, never the other
/// way.
bool feed_segment(const WalArchive& archive, const postgres::WalSegment& segment, postgres::Lsn end,
                  WalContentsReader& reader) {
  const auto size = archive.identity().wal_segment_size;
  const auto bytes = std::min(end, segment.end(size)) - segment.begin(size);
  if (const auto partial = open_partial(archive, segment)) {
    io::FileSource source(*partial);
    feed(source, bytes, reader);
    return true;
  }
  auto archived = archive.open_segment(segment);
  if (archived) feed(*archived, bytes, reader);
  return archived.has_value();
}

/// A damaged one is as good as none where it would only complete another.
bool feed_if_sound(const WalArchive& archive, const postgres::WalSegment& segment,
                   WalContentsReader& reader) {
  try {
    return feed_segment(archive, segment, segment.end(archive.identity().wal_segment_size), reader);
  } catch (const Corruption&) {
    return false;
  }
}

/// The segment before this one on its line, whose last record may go on in this one.
std::optional<postgres::WalSegment> previous_of(const WalArchive& archive,
                                                const postgres::WalSegment& segment) {
  const auto line = archive.history(segment.timeline);
  if (segment.number == 0 || !line) return std::nullopt;
  const postgres::Lsn last_byte(segment.begin(archive.identity().wal_segment_size).value() - 1);
  return postgres::WalSegment{line->timeline_at(last_byte), segment.number - 1};
}

}  // namespace

void CommitTimes::add(io::TimePoint time) {
  earliest = earliest ? std::min(*earliest, time) : time;
  latest = latest ? std::max(*latest, time) : time;
}

WalContentsReader::WalContentsReader(postgres::Lsn begin, postgres::WalSegmentSize size)
    : walker_(begin, size, [this](const postgres::WalMoment& moment) {
        if (moment.kind == postgres::WalMoment::Kind::restore_point) {
          found_.restore_points.push_back({std::string(moment.name), moment.time, moment.begin});
        } else {
          found_.commits.add(moment.time);
        }
      }) {}

WalContents WalContentsReader::contents() const {
  auto contents = found_;
  contents.commits.known = !walker_.defect();
  return contents;
}

std::optional<WalContents> read_wal_contents(const WalArchive& archive, const postgres::WalSegment& segment,
                                             postgres::Lsn end, bool with_previous) {
  const auto size = archive.identity().wal_segment_size;
  if (const auto previous = with_previous ? previous_of(archive, segment) : std::nullopt) {
    WalContentsReader both(previous->begin(size), size);
    if (feed_if_sound(archive, *previous, both)) {
      both.count_anew();
      if (!feed_segment(archive, segment, end, both)) return std::nullopt;
      return both.contents();
    }
  }
  WalContentsReader alone(segment.begin(size), size);
  if (!feed_segment(archive, segment, end, alone)) return std::nullopt;
  return alone.contents();
}

}  // namespace pgkeep::catalog
