#include "catalog/wal/received_records.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "catalog/io/hashing.h"
#include "catalog/postgres/wal_record.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;

postgres::WalRecordWalker walker_for(const WalArchive& archive, const postgres::WalSegment& segment) {
  const auto size = archive.identity().wal_segment_size;
  const auto before = archive.carry_into(segment);
  return before ? postgres::WalRecordWalker(*before, size, {})
                : postgres::WalRecordWalker(segment.begin(size), size, {});
}

/// The first `bytes` of the file, and zeroes up to the end of the page.
void feed(const io::File& partial, std::uint64_t bytes, postgres::WalRecordWalker& walker) {
  constexpr std::uint64_t kPage = postgres::kWalBlockBytes;
  io::ByteVector buffer(kReadBytes);
  for (std::uint64_t at = 0; at < bytes;) {
    const auto n = partial.read_at(io::ByteSpan(buffer).first(std::min(kReadBytes, bytes - at)), at);
    if (n == 0) break;
    walker.feed(io::ByteView(buffer).first(n));
    at += n;
  }
  if (bytes % kPage != 0) walker.feed(io::ByteVector(kPage - bytes % kPage));
}

/// Whether a whole record that follows in the same page names the one at `record` as the one before it: then
/// that was whole once, and its length is wrong.
bool is_named_by_a_later_one(const io::File& partial, std::uint64_t record, std::uint64_t end,
                             postgres::Lsn lsn) {
  std::array<std::byte, postgres::kWalBlockBytes> page{};
  const auto begin = record / page.size() * page.size();
  partial.read_at(io::ByteSpan(page).first(std::min<std::uint64_t>(page.size(), end - begin)), begin);
  for (auto at = record - begin + postgres::kWalRecordHeaderBytes;
       at + postgres::kWalRecordHeaderBytes <= page.size(); at += postgres::kWalRecordAlignment) {
    const auto later = io::ByteView(page).subspan(at);
    const auto length = io::load_le<std::uint32_t>(later.data());
    if (io::load_le<std::uint64_t>(later.data() + postgres::kWalRecordPreviousAt) != lsn.value() ||
        length < postgres::kWalRecordHeaderBytes || length > later.size())
      continue;
    const auto crc = io::crc32c(later.first(postgres::kWalRecordCrcAt),
                                io::crc32c(later.first(length).subspan(postgres::kWalRecordHeaderBytes)));
    if (crc == io::load_le<std::uint32_t>(later.data() + postgres::kWalRecordCrcAt)) return true;
  }
  return false;
}

}  // namespace

ReceivedRecords check_received_records(const WalArchive& archive, const postgres::WalSegment& segment,
                                       postgres::Lsn end) {
  const auto begin = segment.begin(archive.identity().wal_segment_size);
  const auto partial = archive.open_partial(segment);
  if (!partial || end <= begin || !archive.identity().formats_known()) return {end, std::nullopt};
  auto walker = walker_for(archive, segment);
  walker.set_limit(end);
  feed(*partial, end - begin, walker);

  ReceivedRecords found{.end = std::max(walker.end(), begin), .damage = walker.defect()};
  const auto cut = walker.unfinished();
  if (!found.damage && cut && *cut >= begin &&
      is_named_by_a_later_one(*partial, *cut - begin, end - begin, *cut)) {
    found.damage = fmt::format("WAL at {}: the length of the record does not fit, as others follow it",
                               cut->to_string());
  }
  if (found.damage) found.damage = fmt::format("{}: {}", partial->path().native(), *found.damage);
  return found;
}

}  // namespace pgkeep::catalog
