#include "catalog/wal/stored_segment_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/wal/commit_times.h"
#include "catalog/wal/received_records.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;

}  // namespace

bool StoredSegmentCheck::check(const HeldFile& file, postgres::Lsn until) {
  // The archived one last: a partial that is gone has become that.
  return (file.partial && check_partial(file.segment, until)) || check_archived(file.segment);
}

bool StoredSegmentCheck::check_archived(const postgres::WalSegment& segment) {
  auto file = archive_->open_segment(segment);
  if (!file) return false;
  ++read_;
  auto pages = pages_of(segment);
  WalContentsReader contents(*archive_, segment);
  io::ByteVector buffer(kReadBytes);
  while (const auto n = file->read(buffer)) {
    pages.feed(io::ByteView(buffer).first(n));
    contents.feed(io::ByteView(buffer).first(n));
  }
  pages.finish();
  if (contents.records().defect()) throw Corruption(*contents.records().defect());
  return true;
}

bool StoredSegmentCheck::check_partial(const postgres::WalSegment& segment, postgres::Lsn until) {
  const auto received = archive_->received(segment);
  if (!received || (received->end < until && !received->whole)) return false;
  until = std::min(until, received->end);
  const auto size = archive_->identity().wal_segment_size;
  const auto file = archive_->open_partial(segment);
  if (!file) return false;
  ++read_;
  auto pages = pages_of(segment);
  // No further than the page that holds the end: after it the file is being written.
  const auto used = until - segment.begin(size);
  auto left = (used + postgres::kWalBlockBytes - 1) / postgres::kWalBlockBytes * postgres::kWalBlockBytes;
  io::ByteVector buffer(kReadBytes);
  for (std::uint64_t offset = 0; left > 0;) {
    const auto piece = io::ByteSpan(buffer).first(std::min<std::uint64_t>(left, buffer.size()));
    file->read_exactly_at(piece, offset);
    pages.feed(piece);
    offset += piece.size();
    left -= piece.size();
  }
  const auto records = check_received_records(*archive_, segment, until);
  if (records.damage) throw Corruption(*records.damage);
  return true;
}

postgres::WalSegmentChecker StoredSegmentCheck::pages_of(const postgres::WalSegment& segment) const {
  const auto history = archive_->history(segment.timeline);
  if (!history) throw Corruption(describe_missing_history(archive_->layout(), segment.timeline));
  const auto& identity = archive_->identity();
  return {segment, identity.wal_segment_size, identity.system, identity.major_version, *history};
}

std::string describe_missing_history(const store::ServerLayout& layout, postgres::TimelineId timeline) {
  return fmt::format(
      "{} is missing, and recovery does not find its way to this timeline without it; "
      "store it again with `pgkeep put-wal {} {}` from the server's pg_wal or from another copy of the archive",
      layout.history(timeline).native(), layout.root().filename().native(), timeline.history_file());
}

std::optional<std::string> damage_of(const WalArchive& archive, const postgres::WalSegment& segment) {
  const auto wal = archive.inventory();
  if (segment.timeline != postgres::TimelineId(1) && !wal.histories.contains(segment.timeline))
    return std::nullopt;
  try {
    StoredSegmentCheck(archive).check_archived(segment);
    return std::nullopt;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    return error.what();
  }
}

}  // namespace pgkeep::catalog
