#include "streaming/receive/cut_record.h"

#include <algorithm>
#include <array>
#include <optional>

#include "catalog/io/hashing.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/postgres/wal_record.h"

namespace pgkeep::streaming {
namespace {

/// Takes the pages from a record's first one on, and tells whether the record is whole.
class RecordScan {
 public:
  explicit RecordScan(postgres::Lsn begin) : begin_(begin) {}

  /// False when the record has come to its end, so that no more is needed.
  bool take(io::ByteView page, postgres::Lsn at, bool first_of_segment) {
    auto offset = first_of_segment ? postgres::kWalLongPageHeaderBytes : postgres::kWalPageHeaderBytes;
    if (begin_ > at) offset = begin_ - at;
    for (auto body = page.subspan(offset); !body.empty() && left() > 0;) {
      const auto piece = body.first(std::min<std::uint64_t>(body.size(), left()));
      add(piece);
      body = body.subspan(piece.size());
      end_ = at + (page.size() - body.size());
    }
    return left() > 0;
  }
  /// Zeroes where the record's length would be: nothing was written there.
  bool has_no_length() const { return io::load_le<std::uint32_t>(header_.data()) == 0; }
  /// Nothing but zeroes.
  bool blank() const { return blank_; }
  bool whole() const {
    return left() == 0 && io::crc32c(io::ByteView(header_).first(postgres::kWalRecordCrcAt), crc_) ==
                              io::load_le<std::uint32_t>(header_.data() + postgres::kWalRecordCrcAt);
  }
  bool ended() const { return left() == 0; }
  postgres::Lsn end() const { return end_; }

 private:
  /// Bytes still wanted. A record without a length has no end.
  std::uint64_t left() const {
    if (taken_ < postgres::kWalRecordHeaderBytes) return postgres::kWalRecordHeaderBytes - taken_;
    if (has_no_length()) return kNoEnd;
    const auto length = io::load_le<std::uint32_t>(header_.data());
    return std::max<std::uint64_t>(length, postgres::kWalRecordHeaderBytes) - taken_;
  }
  void add(io::ByteView piece) {
    blank_ = blank_ && io::all_zero(piece);
    if (taken_ < postgres::kWalRecordHeaderBytes) {
      std::ranges::copy(piece, header_.begin() + static_cast<std::ptrdiff_t>(taken_));
    } else {
      crc_ = io::crc32c(piece, crc_);
    }
    taken_ += piece.size();
  }

  static constexpr std::uint64_t kNoEnd = ~std::uint64_t{0};
  postgres::Lsn begin_;
  postgres::Lsn end_;
  std::array<std::byte, postgres::kWalRecordHeaderBytes> header_{};
  std::uint64_t taken_ = 0;
  std::uint32_t crc_ = 0;
  bool blank_ = true;
};

/// False when `scan` needs no more.
bool feed(io::ByteSource& source, postgres::Lsn at, postgres::Lsn from, RecordScan& scan) {
  std::array<std::byte, postgres::kWalBlockBytes> page;
  bool first = true;
  while (source.read(page) == page.size()) {
    if (from < at + page.size() && !scan.take(page, at, first)) return false;
    at = at + page.size();
    first = false;
  }
  return true;
}

/// Nothing when the segment is not held.
std::optional<bool> feed(const catalog::WalArchive& archive, const postgres::WalSegment& segment,
                         postgres::Lsn from, RecordScan& scan) {
  const auto begin = segment.begin(archive.identity().wal_segment_size);
  if (auto archived = archive.open_segment(segment)) return feed(*archived, begin, from, scan);
  if (const auto partial = archive.open_partial(segment)) {
    io::FileSource source(*partial);
    return feed(source, begin, from, scan);
  }
  auto archived = archive.open_segment(segment);  // again: the partial may just have gone there
  return archived ? std::optional(feed(*archived, begin, from, scan)) : std::nullopt;
}

}  // namespace

bool only_a_cut_record_follows(const catalog::WalArchive& archive, const postgres::WalPosition& fork,
                               const catalog::HeldFile& last) {
  const auto size = archive.identity().wal_segment_size;
  const auto in_page = fork.lsn.value() % postgres::kWalBlockBytes;
  if (fork.lsn.value() % postgres::kWalRecordAlignment != 0 ||
      (in_page != 0 && in_page < postgres::kWalPageHeaderBytes))
    return false;

  RecordScan scan(fork.lsn);
  for (auto segment = postgres::WalSegment::holding(fork, size); segment <= last.segment;
       segment = segment.next()) {
    const auto more = feed(archive, segment, fork.lsn, scan);
    if (!more && segment != last.segment) return false;  // a gap tells nothing
    if (more == false) break;
  }
  // A record that ends before what was received does, and is not whole, is damage and no cut.
  if (scan.has_no_length()) return scan.blank();
  return !scan.ended() || (!scan.whole() && scan.end() > last.end);
}

}  // namespace pgkeep::streaming
