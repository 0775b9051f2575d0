#include "catalog/wal/wal_archive.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/wal/segment_check.h"
#include "catalog/wal/segment_end.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;

}  // namespace

bool WalArchive::has(const postgres::WalSegment& segment) const {
  return io::is_there(layout_.archived(segment, identity_.wal_segment_size));
}

std::optional<std::uint64_t> WalArchive::contradicts_partial(const postgres::WalSegment& segment,
                                                             io::ByteSource& plain,
                                                             std::uint64_t bytes) const {
  const auto partial = open_partial(segment);
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

SegmentFileHeader WalArchive::check_segment(const io::File& plain, const postgres::WalSegment& segment,
                                            const postgres::TimelineHistory& history) const {
  SegmentCheck check(*this, segment, history);
  io::FileSource source(plain);
  io::ByteVector buffer(kReadBytes);
  while (const auto n = source.read(buffer)) check.feed(io::ByteView(buffer).first(n));
  return check.finish();
}

std::optional<SegmentFileReader> WalArchive::open_segment(const postgres::WalSegment& segment) const {
  const auto path = layout_.archived(segment, identity_.wal_segment_size);
  if (!io::is_there(path)) return std::nullopt;
  return std::optional<SegmentFileReader>(std::in_place, path);
}

std::optional<io::File> WalArchive::open_partial(const postgres::WalSegment& segment) const {
  try {
    return io::File::open_to_read(layout_.partial(segment, identity_.wal_segment_size));
  } catch (const StorageError& error) {
    if (error.cause() == ENOENT) return std::nullopt;
    throw;
  }
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
  const auto file = open_partial(segment);
  if (!file) return std::nullopt;
  const auto used = used_bytes(*file);
  const auto received = received_bytes(*file, used);
  // The next segment's partial is made once this one is whole. That the next segment is archived says
  // nothing: it may have been pushed, while half of this one's last page is here.
  const bool in_last_page = used + postgres::kWalBlockBytes > size.bytes();
  const bool whole =
      file->size() >= size.bytes() && (received >= size.bytes() || ends_with_switch(*file, used) ||
                                       (in_last_page && io::is_there(layout_.partial(segment.next(), size))));
  return ReceivedWal{std::min(segment.begin(size) + received, segment.end(size)), whole};
}

postgres::Lsn WalArchive::partial_end(const postgres::WalSegment& segment) const {
  const auto found = received(segment);
  return found ? found->end : segment.begin(identity_.wal_segment_size);
}

}  // namespace pgkeep::catalog
