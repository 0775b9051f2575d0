#include "catalog/io/compare.h"

#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

/// Brings few bytes at a time.
class Trickle final : public ByteSource {
 public:
  explicit Trickle(ByteView bytes) : source_(bytes) {}
  std::size_t read(ByteSpan into) override {
    return source_.read(into.first(std::min<std::size_t>(7, into.size())));
  }

 private:
  MemorySource source_;
};

std::optional<std::uint64_t> difference(ByteView a, ByteView b) {
  Trickle left(a);
  MemorySource right(b);
  return first_difference(left, right);
}

TEST(FirstDifferenceTest, IsNothingForTheSameBytes) {
  const ByteVector bytes(300'000, std::byte{1});
  EXPECT_EQ(difference(bytes, bytes), std::nullopt);
  EXPECT_EQ(difference({}, {}), std::nullopt);
}

TEST(FirstDifferenceTest, IsTheOffsetOfTheFirstOtherByte) {
  const ByteVector bytes(300'000, std::byte{1});
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{131'071}, std::size_t{131'072}, std::size_t{299'999}}) {
    auto other = bytes;
    other[at] = std::byte{2};
    EXPECT_EQ(difference(bytes, other), at);
  }
}

TEST(FirstDifferenceTest, IsTheEndOfTheShorterOne) {
  const ByteVector bytes(300'000, std::byte{1});
  EXPECT_EQ(difference(bytes, ByteView(bytes).first(5)), 5u);
  EXPECT_EQ(difference({}, bytes), 0u);
}

}  // namespace
}  // namespace pgkeep::io
