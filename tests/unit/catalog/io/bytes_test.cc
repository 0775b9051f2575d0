#include "catalog/io/bytes.h"

#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

TEST(BytesTest, LoadsTheLowestByteFirstOrLast) {
  const auto bytes = as_bytes("\x01\x02\x03\x84");
  EXPECT_EQ(load_le<std::uint32_t>(bytes.data()), 0x84030201);
  EXPECT_EQ(load_be<std::uint32_t>(bytes.data()), 0x01020384);
  EXPECT_EQ(load_le<std::uint16_t>(bytes.data()), 0x0201);
  EXPECT_EQ(load_be<std::uint8_t>(bytes.data() + 3), 0x84);
}

TEST(BytesTest, StoresWhatItLoads) {
  ByteVector bytes(8);
  for (const std::uint64_t value : {0ULL, 1ULL, 0x8000000000000000ULL, 0x0123456789abcdefULL, ~0ULL}) {
    store_le(bytes.data(), value);
    EXPECT_EQ(load_le<std::uint64_t>(bytes.data()), value);
    store_be(bytes.data(), value);
    EXPECT_EQ(load_be<std::uint64_t>(bytes.data()), value);
  }
}

TEST(BytesTest, KeepsEveryByteBetweenTextAndBytes) {
  constexpr std::string_view kText("a\0\xff", 3);
  EXPECT_EQ(as_bytes(kText).size(), 3U);
  EXPECT_EQ(as_text(as_bytes(kText)), kText);
}

TEST(BytesTest, IsAllZeroOnlyWithoutAnyOtherByte) {
  ByteVector bytes(100);
  EXPECT_TRUE(all_zero({}));
  EXPECT_TRUE(all_zero(bytes));
  for (auto& byte : bytes) {
    byte = std::byte{1};
    EXPECT_FALSE(all_zero(bytes));
    byte = std::byte{0};
  }
}

TEST(MemorySourceTest, GivesAllBytesThenTheEnd) {
  MemorySource source(as_bytes("hello"));
  ByteVector piece(3);
  EXPECT_EQ(source.read(piece), 3U);
  EXPECT_EQ(as_text(piece), "hel");
  EXPECT_EQ(source.read(piece), 2U);
  EXPECT_EQ(as_text(ByteView(piece).first(2)), "lo");
  EXPECT_EQ(source.read(piece), 0U);
}

TEST(MemorySourceTest, IsAtTheEndOverNothing) {
  MemorySource source({});
  ByteVector piece(3);
  EXPECT_EQ(source.read(piece), 0U);
}

TEST(MemorySinkTest, KeepsWhatIsWrittenInOrder) {
  MemorySink sink;
  sink.write(as_bytes("one "));
  sink.write({});
  sink.write(as_bytes("two"));
  EXPECT_EQ(as_text(sink.bytes()), "one two");
}

}  // namespace
}  // namespace pgkeep::io
