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

/// The segment before this one on its line, whose last record may go on in this one; false when it is not
/// held, or not whole.
bool feed_previous(const WalArchive& archive, const postgres::WalSegment& segment,
                   WalContentsReader& reader) {
  const auto size = archive.identity().wal_segment_size;
  const auto line = archive.history(segment.timeline);
  if (segment.number == 0 || !line) return false;
  const postgres::Lsn last_byte(segment.begin(size).value() - 1);
  const postgres::WalSegment previous{line->timeline_at(last_byte), segment.number - 1};
  // As partials become archived segments: the other way round one that is just archived would be missed.
  if (const auto partial = open_partial(archive, previous)) {
    io::FileSource source(*partial);
    feed(source, size.bytes(), reader);
    return true;
  }
  auto archived = archive.open_segment(previous);
  if (archived) feed(*archived, size.bytes(), reader);
  return archived.has_value();
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

std::optional<WalContents> read_partial_contents(const WalArchive& archive,
                                                 const postgres::WalSegment& segment, postgres::Lsn end,
                                                 bool with_previous) {
  const auto size = archive.identity().wal_segment_size;
  const auto begin = segment.begin(size);
  const auto partial = open_partial(archive, segment);
  if (!partial) return std::nullopt;
  io::FileSource source(*partial);
  const auto bytes = std::min(end, segment.end(size)) - begin;
  if (with_previous) {
    WalContentsReader both(postgres::Lsn(begin.value() - size.bytes()), size);
    if (feed_previous(archive, segment, both)) {
      both.count_anew();
      feed(source, bytes, both);
      return both.contents();
    }
  }
  WalContentsReader alone(begin, size);
  feed(source, bytes, alone);
  return alone.contents();
}

}  // namespace pgkeep::catalog
