#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "catalog/io/bytes.h"
#include "catalog/io/hashing.h"
#include "catalog/io/units.h"
#include "catalog/postgres/versions.h"
#include "catalog/postgres/wal_page.h"
#include "catalog/postgres/wal_record.h"
#include "catalog/postgres/wal_segment.h"
#include "tests/support/sample_wal.h"

namespace pgkeep::test {

/// WAL with real records, written one behind the other as PostgreSQL does: over pages and segments.
class WalBuilder {
 public:
  /// `begin` is where a segment begins; nothing goes on there from the one before.
  explicit WalBuilder(postgres::Lsn begin, postgres::TimelineId timeline = postgres::TimelineId(1))
      : timeline_(timeline), begin_(begin) {}

  /// Where the next record will begin. Each of these returns where the one that it wrote does.
  postgres::Lsn position() {
    align();
    if (wal_.size() % postgres::kWalBlockBytes == 0) begin_page(0);
    return begin_ + wal_.size();
  }
  postgres::Lsn add(std::uint8_t manager, std::uint8_t info, io::ByteView rest) {
    io::ByteVector record(postgres::kWalRecordHeaderBytes);
    io::store_le(record.data(), static_cast<std::uint32_t>(record.size() + rest.size()));
    io::store_le<std::uint64_t>(record.data() + 8, last_.value());
    record[postgres::kWalRecordInfoAt] = std::byte{info};
    record[postgres::kWalRecordManagerAt] = std::byte{manager};
    const auto crc = io::crc32c(io::ByteView(record).first(postgres::kWalRecordCrcAt), io::crc32c(rest));
    io::store_le(record.data() + postgres::kWalRecordCrcAt, crc);
    record.insert(record.end(), rest.begin(), rest.end());
    last_ = position();
    put(record);
    return last_;
  }
  postgres::Lsn commit(io::TimePoint time) { return add(1, 0x00, with_time(time, {})); }
  /// One with so many more bytes of data, as that of a transaction with many subtransactions.
  postgres::Lsn long_commit(io::TimePoint time, std::uint32_t more) {
    io::ByteVector rest(1 + 4 + 8 + more, std::byte{0x5A});
    rest[0] = std::byte{254};
    io::store_le<std::uint32_t>(rest.data() + 1, 8 + more);
    io::store_le(rest.data() + 5, static_cast<std::uint64_t>(io::to_postgres_time(time)));
    return add(1, 0x00, rest);
  }
  postgres::Lsn abort(io::TimePoint time) { return add(1, 0x20, with_time(time, {})); }
  postgres::Lsn restore_point(std::string_view name, io::TimePoint time) {
    io::ByteVector padded(64);
    std::ranges::copy(io::as_bytes(name), padded.begin());
    return add(0, 0x70, with_time(time, padded));
  }
  /// A record of that many bytes that says nothing of time.
  postgres::Lsn other(std::uint32_t bytes) {
    io::ByteVector rest(bytes - postgres::kWalRecordHeaderBytes, std::byte{0x5A});
    return add(10, 0x00, rest);
  }
  /// Records until the next one begins there, a multiple of 8 that lies 32 bytes ahead at least and in no
  /// page's header.
  void fill_to(postgres::Lsn end) {
    constexpr std::uint64_t kStep = 4000;
    while (position() + 2 * kStep < end) other(kStep);
    other(static_cast<std::uint32_t>(room_to(end)));
  }
  /// The length of a record that ends there; less than a record's header when none can.
  std::uint64_t room_to(postgres::Lsn end) {
    auto room = end - position();
    for (auto page = position().value() / postgres::kWalBlockBytes + 1;
         page * postgres::kWalBlockBytes < end.value(); ++page) {
      room -= header_bytes(page * postgres::kWalBlockBytes);
    }
    return room;
  }
  postgres::Lsn switch_wal() {
    const auto at = add(0, 0x40, {});
    wal_.resize((wal_.size() + kSampleSegmentBytes - 1) / kSampleSegmentBytes * kSampleSegmentBytes);
    return at;
  }
  /// As a server has flushed it: up to where the next record can begin, without the header of a page that
  /// nothing is in yet.
  io::ByteView written() {
    align();
    return wal_;
  }
  io::ByteView bytes() const { return wal_; }
  postgres::Lsn begin() const { return begin_; }
  /// The pages that begin from now on are those of another timeline.
  void go_on_as(postgres::TimelineId timeline) { timeline_ = timeline; }
  /// Takes back what was written after the record that begins at `last` and ends before `end`.
  void cut(postgres::Lsn last, postgres::Lsn end) {
    last_ = last;
    wal_.resize(end - begin_);
  }
  /// All of it, filled up with zeroes to whole segments.
  io::ByteVector segments() const {
    auto all = wal_;
    all.resize((all.size() + kSampleSegmentBytes - 1) / kSampleSegmentBytes * kSampleSegmentBytes);
    return all;
  }
  /// The first one is 0.
  io::ByteVector segment(std::size_t index) const {
    const auto all = segments();
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(index * kSampleSegmentBytes);
    return {from, from + kSampleSegmentBytes};
  }

 private:
  void align() {
    while (wal_.size() % postgres::kWalRecordAlignment != 0) wal_.push_back(std::byte{0});
  }
  static std::uint64_t header_bytes(std::uint64_t page) {
    return page % kSampleSegmentBytes == 0 ? postgres::kWalLongPageHeaderBytes
                                           : postgres::kWalPageHeaderBytes;
  }
  static io::ByteVector with_time(io::TimePoint time, io::ByteView more) {
    io::ByteVector rest(2 + 8);
    rest[0] = std::byte{255};
    rest[1] = static_cast<std::byte>(8 + more.size());
    io::store_le(rest.data() + 2, static_cast<std::uint64_t>(io::to_postgres_time(time)));
    rest.insert(rest.end(), more.begin(), more.end());
    return rest;
  }
  void begin_page(std::uint64_t left) {
    const auto at = begin_ + wal_.size();
    const bool first = at.value() % kSampleSegmentBytes == 0;
    io::ByteVector header(header_bytes(at.value()));
    io::store_le(header.data(), postgres::formats_of(kSampleMajor).wal_page_magic);
    io::store_le<std::uint16_t>(header.data() + 2, (first ? 2 : 0) | (left > 0 ? 1 : 0));
    io::store_le(header.data() + 4, timeline_.value());
    io::store_le(header.data() + 8, at.value());
    io::store_le(header.data() + 16, static_cast<std::uint32_t>(left));
    if (first) {
      io::store_le(header.data() + 24, kSampleSystem.value());
      io::store_le(header.data() + 32, sample_segment_size().bytes());
      io::store_le(header.data() + 36, postgres::kWalBlockBytes);
    }
    wal_.insert(wal_.end(), header.begin(), header.end());
  }
  void put(io::ByteView bytes) {
    while (!bytes.empty()) {
      if (wal_.size() % postgres::kWalBlockBytes == 0) begin_page(bytes.size());
      const auto n = std::min<std::size_t>(bytes.size(),
                                           postgres::kWalBlockBytes - wal_.size() % postgres::kWalBlockBytes);
      wal_.insert(wal_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      bytes = bytes.subspan(n);
    }
  }

  postgres::TimelineId timeline_;
  postgres::Lsn begin_;
  postgres::Lsn last_;
  io::ByteVector wal_;
};

}  // namespace pgkeep::test
