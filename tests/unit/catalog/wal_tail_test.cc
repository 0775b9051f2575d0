#include "catalog/wal_tail.h"

#include <gtest/gtest.h>

#include "catalog/io/hashing.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kPage = 8192;
constexpr std::size_t kHeader = 40;

/// A record of `length` bytes whose data is zero but for its first byte.
io::ByteVector record(std::uint32_t length) {
  io::ByteVector bytes(length);
  io::store_le<std::uint32_t>(bytes.data(), length);
  bytes[16] = std::byte{0x10};
  if (length > 24) bytes[24] = std::byte{7};
  const io::ByteView all = bytes;
  io::store_le<std::uint32_t>(&bytes[20], io::crc32c(all.first(20), io::crc32c(all.subspan(24))));
  return bytes;
}

class WalTailTest : public ::testing::Test {
 protected:
  WalTailTest() { segment_[0] = std::byte{1}; }

  void put(std::size_t at, io::ByteView bytes) { std::ranges::copy(bytes, &segment_[at]); }
  std::uint64_t received() {
    auto file = io::File::open_or_create(folder_ / "segment");
    file.write_at(segment_, 0);
    return received_bytes(file);
  }

  test::TempDirectory folder_;
  io::ByteVector segment_ = io::ByteVector(2 * kPage);
};

TEST_F(WalTailTest, AnEmptySegmentHasNothing) {
  segment_[0] = std::byte{0};
  EXPECT_EQ(received(), 0u);
}

TEST_F(WalTailTest, ARecordThatEndsInZeroesCountsWhole) {
  put(kHeader, record(100));
  put(kHeader + 104, record(50));
  EXPECT_EQ(received(), kHeader + 104 + 56);
}

TEST_F(WalTailTest, ARecordThatIsNotWholeCountsByItsBytes) {
  put(kHeader, record(100));
  segment_[kHeader + 24] = std::byte{0};  // did not arrive, so the CRC is wrong
  EXPECT_EQ(received(), kHeader + 24);
}

TEST_F(WalTailTest, ARecordThatGoesOnInTheNextPageCountsByItsBytes) {
  put(kHeader, record(100));
  const auto next = record(kPage);
  put(kHeader + 104, io::ByteView(next).first(kPage - kHeader - 104));
  EXPECT_EQ(received(), kHeader + 104 + 32);
}

TEST_F(WalTailTest, RecordsBehindTheEndOfOneFromThePageBeforeAreFound) {
  segment_[kPage + 2] = std::byte{1};
  io::store_le<std::uint32_t>(&segment_[kPage + 16], 20);
  put(kPage + 24 + 24, record(60));
  EXPECT_EQ(received(), kPage + 24 + 24 + 64);
}

TEST_F(WalTailTest, APageThatOnlyGoesOnWithARecordCountsByItsBytes) {
  segment_[kPage + 2] = std::byte{1};
  io::store_le<std::uint32_t>(&segment_[kPage + 16], 100000);
  segment_[kPage + 5000] = std::byte{1};
  EXPECT_EQ(received(), kPage + 5008);
}

}  // namespace
}  // namespace pgkeep::catalog
