#include "catalog/wal/wal_archive_writer.h"

#include <chrono>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/postgres/wal_records.h"
#include "catalog/wal/segment_check.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;
constexpr std::chrono::seconds kPatience{60};

io::File lock(const std::filesystem::path& path) {
  io::make_directories(path.parent_path());
  auto file = io::File::open_or_create(path);
  io::lock_alone(file, kPatience);
  return file;
}

/// What is larger could be stored, but not read again.
void check_history(postgres::TimelineId timeline, std::string_view content) {
  if (content.size() > WalArchive::kMaxHistoryBytes) {
    throw Corruption(
        fmt::format("{}: has {} bytes, but a history of timelines is never larger than {}; "
                    "it was not stored. Look at the server's own copy in pg_wal",
                    timeline.history_file(), content.size(), WalArchive::kMaxHistoryBytes));
  }
  postgres::TimelineHistory::parse(timeline, content);  // throws unless it is one
}

/// How long the header of a segment's file becomes: its last page shows how much it has to keep of a record
/// that continues in the next segment. What else may be noted of a segment is rare.
std::size_t likely_header_bytes(const io::File& plain, const SegmentFileHeader& known) {
  auto header = known;
  io::ByteVector page(postgres::kWalBlockBytes);
  const auto at = known.size.bytes() - page.size();
  plain.read_exactly_at(page, at);
  postgres::WalRecordWalker records(known.segment.begin(known.size) + at, known.size, {});
  records.feed(page);
  header.carry = records.carry();
  if (!header.carry) {
    header.carry.emplace();
    // No record ends in the page: none is there after a WAL switch, and else one that continues all over it.
    if (!io::all_zero(page)) header.carry->head.resize(postgres::WalCarry::kMostBytes);
  }
  return segment_header_bytes(header);
}

void sync_name_of(const WalArchive& archive, const postgres::WalSegment& segment) {
  const auto log = archive.layout().archived(segment, archive.identity().wal_segment_size).parent_path();
  io::sync_directory(log);
  io::sync_directory(log.parent_path());
  io::sync_directory(archive.layout().wal());
}

/// That the archived file can be seen does not say that its name is on disk: who renamed it may have ended
/// before the folders were synced, and the partial is the only other copy.
void remove_archived(const WalArchive& archive, PartialSegment& partial) {
  sync_name_of(archive, partial.segment());
  partial.remove();
}

void require_same(const WalArchive& archive, const PartialSegment& partial, SegmentFileReader& archived) {
  io::ByteVector stored(kReadBytes);
  io::ByteVector received(kReadBytes);
  std::uint64_t offset = 0;
  while (const auto n = archived.read(stored)) {
    const auto piece = io::ByteSpan(received).first(n);
    partial.file().read_exactly_at(piece, offset);
    if (const auto conflict = first_conflict(piece, io::ByteView(stored).first(n))) {
      const auto& segment = partial.segment();
      throw Corruption(fmt::format(
          "{}: differs at {} from the same segment in the archive ({}): "
          "two branches of the cluster have written timeline {}. Both files are kept. "
          "If the server is right, `pgkeep new-line` sets aside what is held and begins with a new backup",
          partial.file().path().native(),
          (segment.begin(archive.identity().wal_segment_size) + offset + *conflict).to_string(),
          archive.layout().archived(segment, archive.identity().wal_segment_size).native(),
          segment.timeline.to_string()));
    }
    offset += n;
  }
}

bool has_successor(const WalArchive& archive, const postgres::WalSegment& segment) {
  return io::is_there(archive.layout().partial(segment.next(), archive.identity().wal_segment_size)) ||
         archive.has(segment.next());
}

}  // namespace

WalArchiveWriter::WalArchiveWriter(const WalArchive& archive)
    : archive_(&archive), lock_(lock(archive.layout().archive_lock())) {}

/// Each block is checked and compressed while it is at hand. Once, but for a segment of which more is to be
/// noted than was expected: the header, which comes first, needs another room then.
SegmentFileHeader WalArchiveWriter::write(const io::File& plain, const SegmentFileHeader& known,
                                          const postgres::TimelineHistory& history,
                                          int compression_level) const {
  const auto path = archive_->layout().archived(known.segment, known.size);
  io::make_directories(path.parent_path());
  io::ByteVector buffer(kReadBytes);
  // Of unknown formats nothing is noted.
  auto header_bytes =
      archive_->identity().formats_known() ? likely_header_bytes(plain, known) : segment_header_bytes(known);
  while (true) {
    SegmentCheck check(*archive_, known.segment, history);
    SegmentFileWriter file(path, header_bytes, compression_level);
    io::FileSource source(plain);
    while (const auto n = source.read(buffer)) {
      const auto piece = io::ByteView(buffer).first(n);
      check.feed(piece);
      file.write(piece);
    }
    auto header = check.finish();
    header.first_time = known.first_time;
    header.last_time = known.last_time;
    if (auto written = file.commit(header)) return *std::move(written);
    header_bytes = segment_header_bytes(header);
  }
}

SegmentFileHeader WalArchiveWriter::store_segment(PartialSegment& partial,
                                                  const postgres::TimelineHistory& history,
                                                  int compression_level) {
  const auto& identity = archive_->identity();
  auto archived = archive_->open_segment(partial.segment());
  SegmentFileHeader header{.segment = partial.segment(),
                           .size = identity.wal_segment_size,
                           .system = identity.system,
                           .first_time = partial.first_time(),
                           .last_time = partial.last_time()};
  try {
    if (archived) {
      archive_->check_segment(partial.file(), partial.segment(), history);
    } else {
      header = write(partial.file(), header, history, compression_level);
    }
  } catch (const Corruption& error) {
    throw Corruption(fmt::format(
        "{}: {}; it was not archived. "
        "`pgkeep new-line {}` sets aside what is held and begins with a new backup",
        partial.file().path().native(), error.what(), archive_->layout().root().filename().native()));
  }
  if (archived) {
    require_same(*archive_, partial, *archived);
    header = archived->header();
  }
  remove_archived(*archive_, partial);
  return header;
}

OfferedSegment WalArchiveWriter::take_in(const std::filesystem::path& segment_file,
                                         const postgres::WalSegment& segment) {
  const auto begin = segment.begin(archive_->identity().wal_segment_size);
  auto archived = archive_->open_segment(segment);
  if (archived && !io::is_there(segment_file)) return {archived->header(), true, {}};  // another moved it
  SegmentFileReader offered(segment_file);
  if (offered.header().segment != segment)
    throw Corruption(fmt::format("{}: holds another segment", segment_file.native()));
  if (archived) {
    if (const auto at = io::first_difference(*archived, offered))
      return {archived->header(), true, begin + *at};
    sync_name(segment);  // seen is not durable
    return {archived->header(), true, {}};
  }
  if (const auto at =
          archive_->contradicts_partial(segment, offered, archive_->identity().wal_segment_size.bytes()))
    return {{}, false, begin + *at};
  // It may have waited for long since it was checked, and is the only one from now on.
  io::read_to_end(offered);
  const auto path = archive_->layout().archived(segment, archive_->identity().wal_segment_size);
  io::make_directories(path.parent_path());
  // The file itself is durable since it was written; the new name must be before anybody relies on it.
  io::rename_durably(segment_file, path);
  sync_name(segment);
  return {offered.header(), false, {}};
}

SegmentFileHeader WalArchiveWriter::replace_segment(const io::File& plain,
                                                    const postgres::WalSegment& segment,
                                                    const postgres::TimelineHistory& history,
                                                    int compression_level) {
  const auto& identity = archive_->identity();
  const auto header =
      write(plain, {.segment = segment, .size = identity.wal_segment_size, .system = identity.system},
            history, compression_level);
  sync_name(segment);
  return header;
}

void WalArchiveWriter::sync_name(const postgres::WalSegment& segment) const {
  sync_name_of(*archive_, segment);
}

void WalArchiveWriter::store_history(postgres::TimelineId timeline, std::string_view content) {
  check_history(timeline, content);
  const auto path = archive_->layout().history(timeline);
  io::make_directories(path.parent_path());
  const auto known = archive_->sound_history(timeline);
  // Seen is not durable: who renamed it may have ended before the folder was synced.
  if (known == content) return io::sync_directory(archive_->layout().wal());
  if (known) {
    throw Corruption(fmt::format(
        "{}: the server has another history of timeline {}: two branches of the cluster took that number. "
        "The one here is kept and nothing of that server's was stored; "
        "correct the conninfo, or keep that server under a new name",
        path.native(), timeline.to_string()));
  }
  io::write_file_durably(path, io::as_bytes(content));
}

void WalArchiveWriter::replace_history(postgres::TimelineId timeline, std::string_view content) {
  check_history(timeline, content);
  io::write_file_durably(archive_->layout().history(timeline), io::as_bytes(content));
}

std::vector<SegmentFileHeader> finish_interrupted(const WalArchive& archive, int compression_level) {
  std::vector<SegmentFileHeader> stored;
  for (const auto& segment : archive.inventory().partials) {
    const auto came = archive.received(segment);
    if (auto archived = archive.open_segment(segment)) {
      auto partial = PartialSegment::open(archive.layout(), segment, archive.identity().wal_segment_size);
      require_same(archive, partial, *archived);
      remove_archived(archive, partial);
    } else if (has_successor(archive, segment) && came && came->whole) {
      const auto line = archive.history(segment.timeline);
      if (!line) {
        throw Corruption(fmt::format(
            "{} is missing, but WAL of that timeline was received; "
            "store it again with `pgkeep put-wal {} {}` from the server's pg_wal or another copy of the archive",
            archive.layout().history(segment.timeline).native(), archive.layout().root().filename().native(),
            segment.timeline.history_file()));
      }
      auto partial = PartialSegment::open(archive.layout(), segment, archive.identity().wal_segment_size);
      stored.push_back(WalArchiveWriter(archive).store_segment(partial, *line, compression_level));
    }
  }
  return stored;
}

}  // namespace pgkeep::catalog
