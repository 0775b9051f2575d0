#include "catalog/wal/wal_archive.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "catalog/io/compare.h"
#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/wal/segment_end.h"

namespace pgkeep::catalog {
namespace {

constexpr std::uint64_t kMaxHistoryBytes = 1u << 20;
constexpr std::size_t kReadBytes = 256u << 10;
/// Whoever holds the lock may compress a segment of 1 GiB meanwhile.
constexpr std::chrono::seconds kArchivePatience{60};

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  const bool there = std::filesystem::exists(path, error);
  if (error) throw StorageError(error.value(), path, "look for");
  return there;
}

/// What is larger could be stored, but not read again.
void check_history(postgres::TimelineId timeline, std::string_view content) {
  if (content.size() > kMaxHistoryBytes) {
    throw Corruption(
        fmt::format("{}: has {} bytes, but a history of timelines is never larger than {}; "
                    "it was not stored. Look at the server's own copy in pg_wal",
                    timeline.history_file(), content.size(), kMaxHistoryBytes));
  }
  postgres::TimelineHistory::parse(timeline, content);  // throws unless it is one
}

/// Opens with `open`; nothing when there is no such file.
template <typename Open>
auto if_there(Open&& open) -> std::optional<decltype(open())> {
  try {
    return open();
  } catch (const StorageError& error) {
    if (error.cause() == ENOENT) return std::nullopt;
    throw;
  }
}

}  // namespace

WalArchive::WalArchive(store::ServerLayout layout, ServerIdentity identity, int compression_level)
    : layout_(std::move(layout)), identity_(identity), compression_level_(compression_level) {}

bool WalArchive::has(const postgres::WalSegment& segment) const {
  return is_there(layout_.archived(segment, identity_.wal_segment_size));
}

io::File WalArchive::lock() const {
  const auto path = layout_.archive_lock();
  io::make_directories(path.parent_path());
  auto file = io::File::open_or_create(path);
  io::lock_alone(file, kArchivePatience);
  return file;
}

/// The caller holds the lock: two that write one file under its temporary name would mix.
SegmentFileHeader WalArchive::write(const io::File& plain, const SegmentFileHeader& header) const {
  const auto path = layout_.archived(header.segment, identity_.wal_segment_size);
  io::make_directories(path.parent_path());
  return write_segment_file(path, header, plain, compression_level_);
}

SegmentFileHeader WalArchive::store_segment(PartialSegment& partial,
                                            const postgres::TimelineHistory& history) {
  SegmentFileHeader header;
  try {
    header = check_segment(partial.file(), partial.segment(), history);
  } catch (const Corruption& error) {
    throw Corruption(
        fmt::format("{}: {}; it was not archived. "
                    "`pgkeep new-line {}` sets aside what is held and begins with a new backup",
                    partial.file().path().native(), error.what(), layout_.root().filename().native()));
  }
  const auto alone = lock();
  if (auto archived = open_segment(partial.segment())) {
    require_same(partial, *archived);
    header = archived->header();
  } else {
    header.first_time = partial.first_time();
    header.last_time = partial.last_time();
    header = write(partial.file(), header);
  }
  remove_archived(partial);
  return header;
}

OfferedSegment WalArchive::take_in(const std::filesystem::path& segment_file,
                                   const postgres::WalSegment& segment) {
  const auto begin = segment.begin(identity_.wal_segment_size);
  const auto alone = lock();
  auto archived = open_segment(segment);
  if (archived && !is_there(segment_file)) return {archived->header(), true, {}};  // another moved it
  SegmentFileReader offered(segment_file);
  if (offered.header().segment != segment)
    throw Corruption(fmt::format("{}: holds another segment", segment_file.native()));
  if (archived) {
    if (const auto at = io::first_difference(*archived, offered))
      return {archived->header(), true, begin + *at};
    sync_name(segment);  // seen is not durable
    return {archived->header(), true, {}};
  }
  if (const auto at = contradicts_partial(segment, offered, identity_.wal_segment_size.bytes()))
    return {{}, false, begin + *at};
  // It may have waited for long since it was checked, and is the only one from now on.
  io::read_to_end(offered);
  const auto path = layout_.archived(segment, identity_.wal_segment_size);
  io::make_directories(path.parent_path());
  // The file itself is durable since it was written; the new name must be before anybody relies on it.
  io::rename_durably(segment_file, path);
  sync_name(segment);
  return {offered.header(), false, {}};
}

std::optional<std::uint64_t> WalArchive::contradicts_partial(const postgres::WalSegment& segment,
                                                             io::ByteSource& plain,
                                                             std::uint64_t bytes) const {
  const auto partial =
      if_there([&] { return io::File::open_to_read(layout_.partial(segment, identity_.wal_segment_size)); });
  if (!partial) return std::nullopt;
  io::ByteVector received(kReadBytes);
  io::ByteVector offered(kReadBytes);
  for (std::uint64_t at = 0; at < bytes;) {
    const auto n = plain.read(io::ByteSpan(offered).first(std::min<std::uint64_t>(kReadBytes, bytes - at)));
    const auto have = partial->read_at(io::ByteSpan(received).first(n), at);
    if (have == 0) break;  // it was just made
    if (const auto found =
            first_conflict(io::ByteView(received).first(have), io::ByteView(offered).first(have)))
      return at + *found;
    at += n;
  }
  return std::nullopt;
}

SegmentFileHeader WalArchive::replace_segment(const io::File& plain, const postgres::WalSegment& segment,
                                              const postgres::TimelineHistory& history) {
  const auto checked = check_segment(plain, segment, history);
  const auto alone = lock();
  const auto header = write(plain, checked);
  sync_name(segment);
  return header;
}

void WalArchive::sync_name(const postgres::WalSegment& segment) const {
  const auto log = layout_.archived(segment, identity_.wal_segment_size).parent_path();
  io::sync_directory(log);
  io::sync_directory(log.parent_path());
  io::sync_directory(layout_.wal());
}

/// That the archived file can be seen does not say that its name is on disk: who renamed it may have ended
/// before the folders were synced, and the partial is the only other copy.
void WalArchive::remove_archived(PartialSegment& partial) const {
  sync_name(partial.segment());
  partial.remove();
}

SegmentFileHeader WalArchive::check_segment(const io::File& plain, const postgres::WalSegment& segment,
                                            const postgres::TimelineHistory& history) const {
  const auto size = identity_.wal_segment_size;
  postgres::WalSegmentChecker pages(segment, size, identity_.system, identity_.major_version, history);
  WalContentsReader contents(*this, segment);
  io::FileSource source(plain);
  io::ByteVector buffer(kReadBytes);
  while (const auto n = source.read(buffer)) {
    pages.feed(io::ByteView(buffer).first(n));
    contents.feed(io::ByteView(buffer).first(n));
  }
  pages.finish();
  const auto& records = contents.records();
  if (records.defect()) throw Corruption(*records.defect());
  if (records.ended_early()) {
    throw Corruption(fmt::format("the WAL of this complete segment ends at {} without a WAL switch",
                                 records.end().to_string()));
  }
  const auto found = contents.contents();
  SegmentFileHeader header{.segment = segment, .size = size, .system = identity_.system};
  header.commits = found.commits;
  header.notes = found.notes;
  header.carry = records.carry();
  if (header.carry && has(segment.next()) && continues(segment.next(), *header.carry) == Joins::no)
    throw Corruption("its records do not join those of the archived segment after it");
  return header;
}

void WalArchive::require_same(const PartialSegment& partial, SegmentFileReader& archived) const {
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
          (segment.begin(identity_.wal_segment_size) + offset + *conflict).to_string(),
          layout_.archived(segment, identity_.wal_segment_size).native(), segment.timeline.to_string()));
    }
    offset += n;
  }
}

bool WalArchive::has_successor(const postgres::WalSegment& segment) const {
  return is_there(layout_.partial(segment.next(), identity_.wal_segment_size)) || has(segment.next());
}

std::vector<SegmentFileHeader> WalArchive::finish_interrupted() {
  std::vector<SegmentFileHeader> stored;
  for (const auto& segment : inventory().partials) {
    const auto came = received(segment);
    if (auto archived = open_segment(segment)) {
      auto partial = PartialSegment::open(layout_, segment, identity_.wal_segment_size);
      require_same(partial, *archived);
      remove_archived(partial);
    } else if (has_successor(segment) && came && came->whole) {
      const auto line = history(segment.timeline);
      if (!line) {
        throw Corruption(fmt::format(
            "{} is missing, but WAL of that timeline was received; "
            "store it again with `pgkeep put-wal {} {}` from the server's pg_wal or another copy of the archive",
            layout_.history(segment.timeline).native(), layout_.root().filename().native(),
            segment.timeline.history_file()));
      }
      auto partial = PartialSegment::open(layout_, segment, identity_.wal_segment_size);
      stored.push_back(store_segment(partial, *line));
    }
  }
  return stored;
}

std::optional<SegmentFileReader> WalArchive::open_segment(const postgres::WalSegment& segment) const {
  const auto path = layout_.archived(segment, identity_.wal_segment_size);
  if (!is_there(path)) return std::nullopt;
  return std::optional<SegmentFileReader>(std::in_place, path);
}

void WalArchive::store_history(postgres::TimelineId timeline, std::string_view content) {
  check_history(timeline, content);
  const auto path = layout_.history(timeline);
  io::make_directories(path.parent_path());
  const auto alone = lock();
  const auto known = sound_history(timeline);
  // Seen is not durable: who renamed it may have ended before the folder was synced.
  if (known == content) return io::sync_directory(layout_.wal());
  if (known) {
    throw Corruption(fmt::format(
        "{}: the server has another history of timeline {}: two branches of the cluster took that number. "
        "The one here is kept and nothing of that server's was stored; "
        "correct the conninfo, or keep that server under a new name",
        path.native(), timeline.to_string()));
  }
  io::write_file_durably(path, io::as_bytes(content));
}

void WalArchive::replace_history(postgres::TimelineId timeline, std::string_view content) {
  check_history(timeline, content);
  const auto alone = lock();
  io::write_file_durably(layout_.history(timeline), io::as_bytes(content));
}

Corruption WalArchive::damaged_history(postgres::TimelineId timeline, const char* why) const {
  return Corruption(fmt::format(
      "{}: the history is damaged ({}). "
      "It is stored again when the receiver asks a server of that timeline for it, "
      "or by `pgkeep put-wal {} {}` with the copy in the server's pg_wal",
      layout_.history(timeline).native(), why, layout_.root().filename().native(), timeline.history_file()));
}

std::optional<std::string> WalArchive::read_history(postgres::TimelineId timeline) const {
  try {
    const auto content = io::read_file_if_exists(layout_.history(timeline), kMaxHistoryBytes);
    if (!content) return std::nullopt;
    return std::string(io::as_text(*content));
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    throw damaged_history(timeline, error.what());
  }
}

std::optional<postgres::TimelineHistory> WalArchive::history(postgres::TimelineId timeline) const {
  if (timeline == postgres::TimelineId(1)) return postgres::TimelineHistory(timeline);
  const auto content = read_history(timeline);
  if (!content) return std::nullopt;
  try {
    return postgres::TimelineHistory::parse(timeline, *content);
  } catch (const Corruption& damage) {
    throw damaged_history(timeline, damage.what());
  }
}

std::optional<std::string> WalArchive::sound_history(postgres::TimelineId timeline) const {
  try {
    auto content = read_history(timeline);
    return content && !is_no_history(timeline, *content) ? std::move(content) : std::nullopt;
  } catch (const Corruption&) {
    return std::nullopt;
  }
}

bool WalArchive::is_no_history(postgres::TimelineId timeline, std::string_view content) {
  try {
    postgres::TimelineHistory::parse(timeline, content);
    return false;
  } catch (const Corruption&) {
    return true;
  }
}

std::optional<ReceivedWal> WalArchive::received(const postgres::WalSegment& segment) const {
  const auto size = identity_.wal_segment_size;
  const auto file = if_there([&] { return io::File::open_to_read(layout_.partial(segment, size)); });
  if (!file) return std::nullopt;
  const auto used = used_bytes(*file);
  const auto received = received_bytes(*file, used);
  // The next segment's partial is made once this one is whole. That the next segment is archived says
  // nothing: it may have been pushed, while half of this one's last page is here.
  const bool in_last_page = used + postgres::kWalBlockBytes > size.bytes();
  const bool whole =
      file->size() >= size.bytes() && (received >= size.bytes() || ends_with_switch(*file, used) ||
                                       (in_last_page && is_there(layout_.partial(segment.next(), size))));
  return ReceivedWal{std::min(segment.begin(size) + received, segment.end(size)), whole};
}

postgres::Lsn WalArchive::partial_end(const postgres::WalSegment& segment) const {
  const auto found = received(segment);
  return found ? found->end : segment.begin(identity_.wal_segment_size);
}

void WalArchive::cut_partial(const postgres::WalSegment& segment, postgres::Lsn end) const {
  const auto path = layout_.partial(segment, identity_.wal_segment_size);
  const auto begin = segment.begin(identity_.wal_segment_size);
  if (!is_there(path)) return;
  if (end <= begin) {
    if (io::remove_file(path)) io::sync_directory(path.parent_path());
    return;
  }
  auto file = io::File::open_or_create(path);
  const io::ByteVector zeroes(kReadBytes);
  for (auto at = end - begin; at < file.size();) {
    const auto piece = std::min<std::uint64_t>(zeroes.size(), file.size() - at);
    file.write_at(io::ByteView(zeroes).first(piece), at);
    at += piece;
  }
  file.sync();
}

}  // namespace pgkeep::catalog
