#pragma once

#include <algorithm>
#include <cstdint>

#include "catalog/io/bytes.h"
#include "catalog/io/hashing.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/postgres/wal_segment.h"

namespace pgkeep::test {

inline constexpr std::uint64_t kSampleSegmentBytes = std::uint64_t{1} << 20;
inline constexpr postgres::SystemIdentifier kSampleSystem{7400000000000000001};
inline constexpr int kSampleMajor = 18;
/// Of a WAL switch.
inline constexpr std::size_t kSwitchRecordBytes = 24;

/// The smallest segments, so that tests are fast.
inline postgres::WalSegmentSize sample_segment_size() {
  return postgres::WalSegmentSize(kSampleSegmentBytes);
}

/// A segment of which every page has a sound header and other bytes behind it; no records, which nobody here
/// reads.
inline io::ByteVector sample_wal(const postgres::WalSegment& segment, std::uint8_t salt = 0) {
  const auto size = sample_segment_size();
  io::ByteVector wal(size.bytes());
  for (std::size_t page = 0; page < wal.size(); page += postgres::kWalBlockBytes) {
    auto* at = wal.data() + page;
    for (std::size_t i = 0; i < postgres::kWalBlockBytes; ++i) {
      at[i] = static_cast<std::byte>(
          1 + (i * 7 + page / postgres::kWalBlockBytes * 3 + segment.number + salt) % 251);
    }
    const bool first = page == 0;
    io::store_le(at, postgres::wal_page_magic(kSampleMajor));
    io::store_le<std::uint16_t>(at + 2, first ? 2 : 0);
    io::store_le(at + 4, segment.timeline.value());
    io::store_le(at + 8, segment.begin(size).value() + page);
    io::store_le<std::uint64_t>(at + 16, 0);
    if (!first) continue;
    io::store_le(at + 24, kSampleSystem.value());
    io::store_le(at + 32, size.bytes());
    io::store_le(at + 36, postgres::kWalBlockBytes);
  }
  return wal;
}

/// The same up to `used`, which ends with the record of a WAL switch; zeroes from there on.
inline io::ByteVector sample_wal_with_switch(const postgres::WalSegment& segment, std::size_t used) {
  auto wal = sample_wal(segment);
  std::fill(wal.begin() + static_cast<std::ptrdiff_t>(used), wal.end(), std::byte{0});
  auto* record = wal.data() + used - kSwitchRecordBytes;
  std::fill_n(record, kSwitchRecordBytes, std::byte{0});
  io::store_le<std::uint32_t>(record, kSwitchRecordBytes);
  record[16] = std::byte{0x40};
  io::store_le(record + 20, io::crc32c(io::ByteView(record, 20)));
  return wal;
}

}  // namespace pgkeep::test
