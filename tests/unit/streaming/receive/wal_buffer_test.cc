#include "streaming/receive/wal_buffer.h"

#include <string>

#include <gtest/gtest.h>

namespace pgkeep::streaming {
namespace {

constexpr auto kBytes = WalBuffer::kOwnBytes;
constexpr auto kMost = WalBuffer::kMostBytes;

class WalBufferTest : public testing::Test {
 protected:
  WalMemory none_{0};
  WalMemory enough_{kMost - kBytes};
};

std::string front(const WalBuffer& buffer, std::size_t length) {
  std::string text;
  for (const auto& piece : buffer.front(length)) text += io::as_text(piece);
  return text;
}

TEST_F(WalBufferTest, GivesBytesInTheOrderInWhichTheyCame) {
  WalBuffer buffer(none_);
  EXPECT_EQ(buffer.put(io::as_bytes("one ")), 4u);
  buffer.put(io::as_bytes("two"));
  EXPECT_EQ(front(buffer, 7), "one two");
  buffer.drop(4);
  EXPECT_EQ(front(buffer, 3), "two");
}

TEST_F(WalBufferTest, TakesNoMoreThanItHasRoomFor) {
  WalBuffer buffer(none_);
  const std::string much(kBytes + 1, 'x');
  EXPECT_EQ(buffer.put(io::as_bytes(much)), kBytes);
  EXPECT_EQ(buffer.put(io::as_bytes("y")), 0u);
}

TEST_F(WalBufferTest, KeepsTheOrderAcrossItsEnd) {
  WalBuffer buffer(none_);
  buffer.put(io::as_bytes(std::string(kBytes, 'x')));
  buffer.drop(kBytes - 2);
  EXPECT_EQ(buffer.put(io::as_bytes("abc")), 3u);
  EXPECT_EQ(front(buffer, 5), "xxabc");
  buffer.drop(3);
  EXPECT_EQ(front(buffer, 2), "bc");
}

TEST_F(WalBufferTest, IsUsableAfterItGaveItsMemoryBack) {
  WalBuffer buffer(none_);
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

TEST_F(WalBufferTest, GrowsWithWhatIsInItAndIsSmallAgainOnceReleased) {
  WalBuffer buffer(enough_);
  buffer.put(io::as_bytes("ab" + std::string(kBytes - 2, 'x')));
  buffer.drop(2);
  EXPECT_EQ(buffer.put(io::as_bytes(std::string(kMost, 'y'))), kMost - kBytes + 2);
  EXPECT_EQ(front(buffer, kMost), std::string(kBytes - 2, 'x') + std::string(kMost - kBytes + 2, 'y'));
  buffer.drop(kMost);
  buffer.release();
  EXPECT_EQ(buffer.capacity(), kBytes);
  EXPECT_TRUE(enough_.take(kMost - kBytes)) << "it is for others now";
}

TEST_F(WalBufferTest, DoesNotGrowWhileItsBytesGoRoundTheEnd) {
  WalBuffer buffer(enough_);
  buffer.put(io::as_bytes(std::string(kBytes, 'x')));
  buffer.drop(2);
  buffer.put(io::as_bytes("y"));
  EXPECT_EQ(buffer.put(io::as_bytes("yyy")), 1u);
  EXPECT_EQ(buffer.capacity(), kBytes);
}

}  // namespace
}  // namespace pgkeep::streaming
