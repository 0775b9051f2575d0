#include "catalog/wal/segment_end.h"

#include <gtest/gtest.h>

#include "catalog/io/hashing.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kPage = 8192;
constexpr std::size_t kHeader = 40;

/// A record of `length` bytes whose data is zero but for its first byte.
io::ByteVector record(std::uint32_t length, std::byte info = std::byte{0x10}) {
  io::ByteVector bytes(length);
  io::store_le<std::uint32_t>(bytes.data(), length);
  bytes[16] = info;
  if (length > 24) bytes[24] = std::byte{7};
  const io::ByteView all = bytes;
  io::store_le<std::uint32_t>(&bytes[20], io::crc32c(all.first(20), io::crc32c(all.subspan(24))));
  return bytes;
}

io::ByteVector switch_record() {
  return record(24, std::byte{0x40});
}

class SegmentEndTest : public ::testing::Test {
 protected:
  SegmentEndTest() { segment_[0] = std::byte{1}; }

  void put(std::size_t at, io::ByteView bytes) { std::ranges::copy(bytes, &segment_[at]); }
  std::uint64_t received() {
    auto file = io::File::open_or_create(folder_ / "segment");
    file.write_at(segment_, 0);
    return received_bytes(file, used_bytes(file));
  }

  bool ends_in_switch(std::uint64_t used) {
    auto file = io::File::open_or_create(folder_ / "segment");
    file.write_at(segment_, 0);
    EXPECT_EQ(used_bytes(file), used);
    return ends_with_switch(file, used);
  }
  /// `bytes` are what the segment's first page has left of the record before it, which had `left` to go.
  void continued(std::uint32_t left, io::ByteView bytes) {
    segment_[2] = std::byte{1};
    io::store_le<std::uint32_t>(&segment_[16], left);
    std::fill(segment_.begin() + kHeader, segment_.end(), std::byte{0});
    put(kHeader, bytes);
  }

  test::TempDirectory folder_;
  io::ByteVector segment_ = io::ByteVector(2 * kPage);
};

TEST_F(SegmentEndTest, AnEmptySegmentHasNothing) {
  segment_[0] = std::byte{0};
  EXPECT_EQ(received(), 0u);
}

TEST_F(SegmentEndTest, ARecordThatEndsInZeroesCountsWhole) {
  put(kHeader, record(100));
  put(kHeader + 104, record(50));
  EXPECT_EQ(received(), kHeader + 104 + 56);
}

TEST_F(SegmentEndTest, ARecordThatIsNotWholeCountsByItsBytes) {
  put(kHeader, record(100));
  segment_[kHeader + 24] = std::byte{0};  // did not arrive, so the CRC is wrong
  EXPECT_EQ(received(), kHeader + 24);
}

TEST_F(SegmentEndTest, ARecordThatGoesOnInTheNextPageCountsByItsBytes) {
  put(kHeader, record(100));
  const auto next = record(kPage);
  put(kHeader + 104, io::ByteView(next).first(kPage - kHeader - 104));
  EXPECT_EQ(received(), kHeader + 104 + 32);
}

TEST_F(SegmentEndTest, RecordsBehindTheEndOfOneFromThePageBeforeAreFound) {
  segment_[kPage + 2] = std::byte{1};
  io::store_le<std::uint32_t>(&segment_[kPage + 16], 20);
  put(kPage + 24 + 24, record(60));
  EXPECT_EQ(received(), kPage + 24 + 24 + 64);
}

TEST_F(SegmentEndTest, APageThatOnlyGoesOnWithARecordCountsByItsBytes) {
  segment_[kPage + 2] = std::byte{1};
  io::store_le<std::uint32_t>(&segment_[kPage + 16], 100000);
  segment_[kPage + 5000] = std::byte{1};
  EXPECT_EQ(received(), kPage + 5008);
}

TEST_F(SegmentEndTest, AFileThatWasCutInAPageHasWhatIsThere) {
  put(kHeader, record(100));
  received();
  std::filesystem::resize_file(folder_ / "segment", kHeader + 17);
  const auto file = io::File::open_to_read(folder_ / "segment");
  EXPECT_EQ(received_bytes(file, used_bytes(file)), kHeader + 24);
}

TEST_F(SegmentEndTest, ASwitchIsTheEnd) {
  put(kHeader, record(100));
  EXPECT_FALSE(ends_in_switch(kHeader + 32));
  put(kHeader + 104, switch_record());
  EXPECT_TRUE(ends_in_switch(kHeader + 128));
}

TEST_F(SegmentEndTest, ASwitchThatBeganInTheSegmentBeforeIsTheEnd) {
  const auto whole = switch_record();
  for (const std::uint32_t left : {8, 16}) {
    continued(left, io::ByteView(whole).last(left));
    EXPECT_TRUE(ends_in_switch(kHeader + left));
  }
}

TEST_F(SegmentEndTest, AnotherRecordThatBeganInTheSegmentBeforeIsNotTheEnd) {
  const auto whole = switch_record();
  continued(100, io::ByteView(whole).last(16));  // more of it was to come
  EXPECT_FALSE(ends_in_switch(kHeader + 16));
  continued(16, io::ByteView(whole).last(16));
  segment_[2] = std::byte{0};  // nothing goes on here
  EXPECT_FALSE(ends_in_switch(kHeader + 16));
  const auto other = record(24);
  continued(16, io::ByteView(other).last(16));
  EXPECT_FALSE(ends_in_switch(kHeader + 16));
}

}  // namespace
}  // namespace pgkeep::catalog
