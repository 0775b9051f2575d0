#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "catalog/io/bytes.h"
#include "catalog/postgres/timeline.h"
#include "catalog/postgres/wal_segment.h"

namespace pgkeep::postgres {

inline constexpr std::uint32_t kWalBlockBytes = 8192;

/// Where the first page of a segment says that it comes from; unchecked, for showing what was refused.
struct WalOrigin {
  std::uint16_t magic = 0;
  TimelineId timeline;
  Lsn address;
  SystemIdentifier system;
};
/// `page` has at least kWalOriginBytes.
WalOrigin wal_origin(io::ByteView page);
inline constexpr std::size_t kWalOriginBytes = 40;  // a long page header

/// Puts pages together from bytes that come in pieces of any size.
class WalPages {
 public:
  /// Calls `walk` with each page that is whole now, until it returns false. No more than a page is held.
  template <typename Walk>
  void feed(io::ByteView bytes, Walk&& walk) {
    while (!bytes.empty()) {
      if (held_ == 0 && bytes.size() >= kWalBlockBytes) {
        if (!walk(bytes.first(kWalBlockBytes))) return;
        bytes = bytes.subspan(kWalBlockBytes);
        continue;
      }
      const auto n = std::min(bytes.size(), kWalBlockBytes - held_);
      std::ranges::copy(bytes.first(n), page_.begin() + static_cast<std::ptrdiff_t>(held_));
      held_ += n;
      bytes = bytes.subspan(n);
      if (held_ < kWalBlockBytes) return;
      held_ = 0;
      if (!walk(io::ByteView(page_))) return;
    }
  }
  /// The bytes of a page that is not whole yet.
  std::size_t held() const noexcept { return held_; }

 private:
  std::size_t held_ = 0;
  std::array<std::byte, kWalBlockBytes> page_{};
};

/// Checks the pages of one complete segment, fed in order in pieces of any size; no more than a page is held.
///
/// The first page must have a long header with the system identifier, segment size and block size; every page
/// the version's magic, its own address, flags that exist and a timeline that is this segment's or one of its
/// ancestors' and never falls. From the first all-zero page on (after a WAL switch) everything must be zero.
/// Throws Corruption naming the LSN and the defect. Of a version that is not known (formats_known()) the
/// length alone is checked.
class WalSegmentChecker {
 public:
  WalSegmentChecker(WalSegment segment, WalSegmentSize size, SystemIdentifier system, int major_version,
                    const TimelineHistory& history);
  void feed(io::ByteView bytes);
  /// The segment must be whole now.
  void finish() const;

 private:
  void check_page(io::ByteView page);
  bool is_zero_tail(io::ByteView page);
  void check_header(io::ByteView page);
  void check_long_header(io::ByteView page) const;
  Lsn address() const;
  [[noreturn]] void refuse(std::string_view defect) const;

  WalSegment segment_;
  WalSegmentSize size_;
  SystemIdentifier system_;
  std::optional<std::uint16_t> magic_;  // nothing: the pages' form is not known
  TimelineHistory history_;
  std::uint64_t fed_bytes_ = 0;
  TimelineId last_timeline_;
  bool zero_tail_ = false;
  WalPages pages_;
};

}  // namespace pgkeep::postgres
