#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "catalog/io/bytes.h"
#include "catalog/io/hashing.h"
#include "catalog/postgres/versions.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/postgres/wal_record.h"
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

/// The first byte of a page's records.
inline std::size_t sample_header_bytes(std::size_t page) {
  return page % kSampleSegmentBytes == 0 ? postgres::kWalLongPageHeaderBytes : postgres::kWalPageHeaderBytes;
}

/// Makes the record from `begin` to `end` of a segment one that PostgreSQL would accept, whatever its
/// payload.
inline void seal_sample_record(io::ByteVector& wal, std::size_t begin, std::size_t end,
                               std::uint64_t previous, std::uint8_t manager, std::uint8_t info) {
  auto* record = wal.data() + begin;
  std::fill_n(record, postgres::kWalRecordHeaderBytes, std::byte{0});
  io::store_le(record, static_cast<std::uint32_t>(end - begin));
  io::store_le(record + postgres::kWalRecordPreviousAt, previous);
  record[postgres::kWalRecordInfoAt] = std::byte{info};
  record[postgres::kWalRecordManagerAt] = std::byte{manager};
  const auto payload = io::ByteView(wal).subspan(begin + postgres::kWalRecordHeaderBytes,
                                                 end - begin - postgres::kWalRecordHeaderBytes);
  io::store_le(record + postgres::kWalRecordCrcAt,
               io::crc32c(io::ByteView(record, postgres::kWalRecordCrcAt), io::crc32c(payload)));
}

/// Where the last record begins in a segment of sample_wal().
inline postgres::Lsn last_sample_record(const postgres::WalSegment& segment) {
  return postgres::Lsn(segment.end(sample_segment_size()).value() - postgres::kWalBlockBytes +
                       postgres::kWalPageHeaderBytes);
}

/// A segment of which every page has one record, which fills it; it continues the sample before it, whatever
/// its salt and timeline, or `previous`.
inline io::ByteVector sample_wal(const postgres::WalSegment& segment, std::uint8_t salt = 0,
                                 std::optional<postgres::Lsn> previous = {}) {
  const auto size = sample_segment_size();
  io::ByteVector wal(size.bytes());
  auto last =
      previous ? previous->value() : last_sample_record({segment.timeline, segment.number - 1}).value();
  for (std::size_t page = 0; page < wal.size(); page += postgres::kWalBlockBytes) {
    auto* at = wal.data() + page;
    for (std::size_t i = 0; i < postgres::kWalBlockBytes; ++i) {
      at[i] = static_cast<std::byte>(
          1 + (i * 7 + page / postgres::kWalBlockBytes * 3 + segment.number + salt) % 251);
    }
    const bool first = page == 0;
    io::store_le(at, postgres::formats_of(kSampleMajor).wal_page_magic);
    io::store_le<std::uint16_t>(at + 2, first ? 2 : 0);
    io::store_le(at + 4, segment.timeline.value());
    io::store_le(at + 8, segment.begin(size).value() + page);
    io::store_le<std::uint64_t>(at + 16, 0);
    const auto begin = page + sample_header_bytes(page);
    if (first) {
      io::store_le(at + 24, kSampleSystem.value());
      io::store_le(at + 32, size.bytes());
      io::store_le(at + 36, postgres::kWalBlockBytes);
    }
    seal_sample_record(wal, begin, page + postgres::kWalBlockBytes, last, 10, 0);
    last = segment.begin(size).value() + begin;
  }
  return wal;
}

/// Puts a record with that main data at `at`, in a page that is not the last.
inline void put_sample_record(io::ByteVector& wal, const postgres::WalSegment& segment, postgres::Lsn at,
                              io::ByteView data, std::uint8_t manager, std::uint8_t info) {
  const auto begin = segment.begin(sample_segment_size());
  const auto record = at - begin;
  const auto page = record / postgres::kWalBlockBytes * postgres::kWalBlockBytes;
  const auto first = page + sample_header_bytes(page);
  const auto end = record + postgres::kWalRecordHeaderBytes + 2 + data.size();
  const auto after = (end + postgres::kWalRecordAlignment - 1) / postgres::kWalRecordAlignment *
                     postgres::kWalRecordAlignment;
  const auto next = page + postgres::kWalBlockBytes;
  const auto before = io::load_le<std::uint64_t>(wal.data() + first + postgres::kWalRecordPreviousAt);
  auto* content = wal.data() + record + postgres::kWalRecordHeaderBytes;
  content[0] = std::byte{255};
  content[1] = static_cast<std::byte>(data.size());
  std::ranges::copy(data, content + 2);
  const bool alone = record == first;
  if (!alone) seal_sample_record(wal, first, record, before, 10, 0);
  seal_sample_record(wal, record, end, alone ? before : begin.value() + first, manager, info);
  seal_sample_record(wal, after, next, begin.value() + record, 10, 0);
  seal_sample_record(wal, next + postgres::kWalPageHeaderBytes, next + postgres::kWalBlockBytes,
                     begin.value() + after, 10, 0);
}

/// Puts a checkpoint there, from which replay begins at `redo`.
inline void put_sample_checkpoint(io::ByteVector& wal, const postgres::WalSegment& segment, postgres::Lsn at,
                                  const postgres::WalPosition& redo) {
  const auto content_at = at - segment.begin(sample_segment_size()) + postgres::kWalRecordHeaderBytes + 2;
  io::ByteVector content(wal.begin() + static_cast<std::ptrdiff_t>(content_at),
                         wal.begin() + static_cast<std::ptrdiff_t>(content_at + postgres::kCheckpointBytes));
  io::store_le(content.data(), redo.lsn.value());
  io::store_le(content.data() + 8, redo.timeline.value());
  put_sample_record(wal, segment, at, content, 0, 0x10);
}

/// Puts a commit there, at that time of PostgreSQL's clock.
inline void put_sample_commit(io::ByteVector& wal, const postgres::WalSegment& segment, postgres::Lsn at,
                              std::uint64_t time) {
  io::ByteVector data(8);
  io::store_le(data.data(), time);
  put_sample_record(wal, segment, at, data, 1, 0);
}

/// The same up to `used`, which ends with the record of a WAL switch; zeroes from there on.
inline io::ByteVector sample_wal_with_switch(const postgres::WalSegment& segment, std::size_t used) {
  auto wal = sample_wal(segment);
  const auto begin = segment.begin(sample_segment_size()).value();
  std::fill(wal.begin() + static_cast<std::ptrdiff_t>(used), wal.end(), std::byte{0});
  const auto last = used - kSwitchRecordBytes;
  const auto page = last / postgres::kWalBlockBytes * postgres::kWalBlockBytes;
  const auto record = page + sample_header_bytes(page);
  const auto before = io::load_le<std::uint64_t>(wal.data() + record + postgres::kWalRecordPreviousAt);
  const bool alone = last == record;
  if (!alone) seal_sample_record(wal, record, last, before, 10, 0);
  seal_sample_record(wal, last, used, alone ? before : begin + record, 0, 0x40);
  return wal;
}

}  // namespace pgkeep::test
