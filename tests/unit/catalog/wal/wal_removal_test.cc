#include "catalog/wal/wal_removal.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalSegment;
using testing::ElementsAre;

class WalRemovalTest : public test::PushedWalFixture {};

TEST_F(WalRemovalTest, RemovesTheSegmentsAndPassesOverThoseThatAreNotThere) {
  for (std::uint64_t number = 4; number < 7; ++number) archived({test::kOne, number});
  const auto bytes = std::filesystem::file_size(layout_.archived({test::kOne, 4}, size_));
  const auto removed = remove_wal(archive_, {{test::kOne, 3}, {test::kOne, 4}}, {});
  EXPECT_EQ(removed.files, 1u);
  EXPECT_EQ(removed.bytes, bytes);
  EXPECT_THAT(archive_.inventory().segments,
              ElementsAre(WalSegment{test::kOne, 5}, WalSegment{test::kOne, 6}));
}

TEST_F(WalRemovalTest, RemovesPartialsAndLeavesTheirFolder) {
  const WalSegment left{test::kOne, 5};
  received(left, test::sample_wal(left));
  EXPECT_EQ(remove_wal(archive_, {}, {left}).files, 1u);
  EXPECT_TRUE(archive_.inventory().partials.empty());
  EXPECT_TRUE(std::filesystem::exists(layout_.wal_streaming()));
}

TEST_F(WalRemovalTest, LeavesNoFolderThatIsEmpty) {
  const WalSegment early{test::kOne, 4};
  const WalSegment late{test::kOne, 4 + 4096};  // 1 MiB segments: of another log
  archived(early);
  archived(late);
  remove_wal(archive_, {early}, {});
  EXPECT_FALSE(std::filesystem::exists(layout_.archived(early, size_).parent_path()));
  EXPECT_TRUE(archive_.has(late));
}

TEST_F(WalRemovalTest, LeavesTheRestWhenItIsStopped) {
  std::stop_source stop;
  stop.request_stop();
  const WalSegment first{test::kOne, 4};
  archived(first);
  EXPECT_THROW(remove_wal(archive_, {first}, {}, stop.get_token()), Interrupted);
  EXPECT_TRUE(archive_.has(first));
}

}  // namespace
}  // namespace pgkeep::catalog
