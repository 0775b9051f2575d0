#include "catalog/postgres/wal_page.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::postgres {

namespace {

// The page header (xlog_internal.h, XLogPageHeaderData and XLogLongPageHeaderData), little-endian:
//
//      0  u16  magic, by major version (postgres/versions.h)
//      2  u16  flags
//      4  u32  timeline that wrote the page
//      8  u64  address: the LSN of the page's first byte
//     16  u32  bytes left of a record continued from the page before
//     24  u64  system identifier    \.
//     32  u32  segment size          > long header: on the first page of a segment, and on no other
//     36  u32  WAL block size       /
constexpr std::size_t kFlagsAt = 2;
constexpr std::size_t kTimelineAt = 4;
constexpr std::size_t kAddressAt = 8;
constexpr std::size_t kContinuedBytesAt = 16;
constexpr std::size_t kSystemAt = 24;
constexpr std::size_t kSegmentBytesAt = 32;
constexpr std::size_t kBlockBytesAt = 36;

constexpr std::uint16_t kContinuesRecord = 0x0001;
constexpr std::uint16_t kLongHeader = 0x0002;
constexpr std::uint16_t kKnownFlags = 0x000F;

std::optional<std::uint16_t> magic_of(int major_version) {
  if (!formats_known(major_version)) return std::nullopt;
  return formats_of(major_version).wal_page_magic;
}

}  // namespace

WalOrigin wal_origin(io::ByteView page) {
  return {.magic = io::load_le<std::uint16_t>(page.data()),
          .timeline = TimelineId(io::load_le<std::uint32_t>(page.data() + kTimelineAt)),
          .address = Lsn(io::load_le<std::uint64_t>(page.data() + kAddressAt)),
          .system = SystemIdentifier(io::load_le<std::uint64_t>(page.data() + kSystemAt))};
}

WalSegmentChecker::WalSegmentChecker(WalSegment segment, WalSegmentSize size, SystemIdentifier system,
                                     int major_version, const TimelineHistory& history)
    : segment_(segment), size_(size), system_(system), magic_(magic_of(major_version)), history_(history) {}

void WalSegmentChecker::feed(io::ByteView bytes) {
  if (bytes.size() > size_.bytes() - (fed_bytes_ + pages_.held())) {
    throw Corruption(fmt::format("WAL segment {}: continues past its end at {}", segment_.name(size_),
                                 segment_.end(size_).to_string()));
  }
  pages_.feed(bytes, [this](io::ByteView page) {
    check_page(page);
    return true;
  });
}

void WalSegmentChecker::finish() const {
  const auto fed = fed_bytes_ + pages_.held();
  if (fed == size_.bytes()) return;
  throw Corruption(fmt::format("WAL segment {}: ends at {}, after {} of {} bytes", segment_.name(size_),
                               (segment_.begin(size_) + fed).to_string(), fed, size_.bytes()));
}

void WalSegmentChecker::check_page(io::ByteView page) {
  if (magic_ && !is_zero_tail(page)) check_header(page);
  fed_bytes_ += page.size();
}

/// The address of the page in hand.
Lsn WalSegmentChecker::address() const {
  return segment_.begin(size_) + fed_bytes_;
}

void WalSegmentChecker::refuse(std::string_view defect) const {
  throw Corruption(
      fmt::format("WAL segment {}: page at {}: {}", segment_.name(size_), address().to_string(), defect));
}

/// After a WAL switch only zeroes follow.
bool WalSegmentChecker::is_zero_tail(io::ByteView page) {
  const auto magic = io::load_le<std::uint16_t>(page.data());
  const bool zero = fed_bytes_ != 0 && magic == 0 && io::all_zero(page);
  if (zero_tail_ && !zero) refuse("holds data, although a page before it is all zeros");
  zero_tail_ = zero;
  return zero;
}

void WalSegmentChecker::check_header(io::ByteView page) {
  const auto magic = io::load_le<std::uint16_t>(page.data());
  if (magic != *magic_) refuse(fmt::format("magic {:04X}, not {:04X}", magic, *magic_));

  const auto flags = io::load_le<std::uint16_t>(page.data() + kFlagsAt);
  if ((flags & ~kKnownFlags) != 0) refuse(fmt::format("unknown flags {:04X}", flags));
  const bool first = fed_bytes_ == 0;
  if (((flags & kLongHeader) != 0) != first)
    refuse(first ? "has no long header" : "has a long header, which only the first page may have");
  const Lsn own_address(io::load_le<std::uint64_t>(page.data() + kAddressAt));
  if (own_address != address()) refuse("says it is the page at " + own_address.to_string());

  const TimelineId timeline(io::load_le<std::uint32_t>(page.data() + kTimelineAt));
  if (timeline > segment_.timeline || !history_.contains(WalPosition{timeline, address()}))
    refuse(fmt::format("is of timeline {}, which did not lead here", timeline.to_string()));
  if (timeline < last_timeline_) {
    refuse(
        fmt::format("falls back from timeline {} to {}", last_timeline_.to_string(), timeline.to_string()));
  }
  if ((flags & kContinuesRecord) != 0 && io::load_le<std::uint32_t>(page.data() + kContinuedBytesAt) == 0)
    refuse("continues a record of which nothing is left");
  if (first) check_long_header(page);
  last_timeline_ = timeline;
}

void WalSegmentChecker::check_long_header(io::ByteView page) const {
  const SystemIdentifier system(io::load_le<std::uint64_t>(page.data() + kSystemAt));
  const auto segment_bytes = io::load_le<std::uint32_t>(page.data() + kSegmentBytesAt);
  const auto block_bytes = io::load_le<std::uint32_t>(page.data() + kBlockBytesAt);
  if (system != system_)
    refuse(fmt::format("comes from system {}, not {}", system.to_string(), system_.to_string()));
  if (segment_bytes != size_.bytes())
    refuse(fmt::format("segments of {} bytes, not {}", segment_bytes, size_.bytes()));
  if (block_bytes != kWalBlockBytes)
    refuse(fmt::format("blocks of {} bytes, not {}", block_bytes, kWalBlockBytes));
}

}  // namespace pgkeep::postgres
