#include "streaming/receive/wal_buffer.h"

#include <string>

#include <gtest/gtest.h>

namespace pgkeep::streaming {
namespace {

constexpr std::size_t kBytes = 4096;

std::string front(const WalBuffer& buffer, std::size_t length) {
  std::string text;
  for (const auto& piece : buffer.front(length)) text += io::as_text(piece);
  return text;
}

TEST(WalBufferTest, GivesBytesInTheOrderInWhichTheyCame) {
  WalBuffer buffer(kBytes, kBytes);
  EXPECT_EQ(buffer.put(io::as_bytes("one ")), 4u);
  buffer.put(io::as_bytes("two"));
  EXPECT_EQ(front(buffer, 7), "one two");
  buffer.drop(4);
  EXPECT_EQ(front(buffer, 3), "two");
}

TEST(WalBufferTest, TakesNoMoreThanItHasRoomFor) {
  WalBuffer buffer(kBytes, kBytes);
  const std::string much(kBytes + 1, 'x');
  EXPECT_EQ(buffer.put(io::as_bytes(much)), kBytes);
  EXPECT_EQ(buffer.room(), 0u);
  EXPECT_EQ(buffer.put(io::as_bytes("y")), 0u);
}

TEST(WalBufferTest, KeepsTheOrderAcrossItsEnd) {
  WalBuffer buffer(kBytes, kBytes);
  buffer.put(io::as_bytes(std::string(kBytes, 'x')));
  buffer.drop(kBytes - 2);
  EXPECT_EQ(buffer.put(io::as_bytes("abc")), 3u);
  EXPECT_EQ(front(buffer, 5), "xxabc");
  buffer.drop(3);
  EXPECT_EQ(front(buffer, 2), "bc");
}

TEST(WalBufferTest, IsUsableAfterItGaveItsMemoryBack) {
  WalBuffer buffer(kBytes, kBytes);
  buffer.put(io::as_bytes("one"));
  buffer.release();
  EXPECT_EQ(front(buffer, 3), "one");
  EXPECT_EQ(buffer.touched(), 3u);
  buffer.drop(3);
  buffer.release();
  EXPECT_EQ(buffer.touched(), 0u);
  buffer.put(io::as_bytes("two"));
  EXPECT_EQ(front(buffer, 3), "two");
}

TEST(WalBufferTest, GrowsWithWhatIsInItAndIsSmallAgainOnceReleased) {
  WalBuffer buffer(kBytes, 2 * kBytes);
  buffer.put(io::as_bytes("ab" + std::string(kBytes - 2, 'x')));
  buffer.drop(2);
  ASSERT_TRUE(buffer.may_grow());
  buffer.grow();
  EXPECT_EQ(buffer.put(io::as_bytes(std::string(2 * kBytes, 'y'))), kBytes + 2);
  EXPECT_EQ(front(buffer, 2 * kBytes), std::string(kBytes - 2, 'x') + std::string(kBytes + 2, 'y'));
  EXPECT_FALSE(buffer.may_grow());
  buffer.drop(2 * kBytes);
  buffer.release();
  EXPECT_EQ(buffer.capacity(), kBytes);
}

TEST(WalBufferTest, DoesNotGrowWhileItsBytesGoRoundTheEnd) {
  WalBuffer buffer(kBytes, 2 * kBytes);
  buffer.put(io::as_bytes(std::string(kBytes, 'x')));
  buffer.drop(2);
  buffer.put(io::as_bytes("y"));
  EXPECT_FALSE(buffer.may_grow());
}

}  // namespace
}  // namespace pgkeep::streaming
