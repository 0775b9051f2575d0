#include "catalog/wal/wal_removal.h"

#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
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

TEST_F(WalRemovalTest, RemovesRunsOfSeveralTimelinesInTheOrderOfTheWal) {
  const auto lay_down = [&](TimelineId timeline, std::uint64_t first, std::uint64_t last) {
    for (auto number = first; number <= last; ++number) {
      const auto path = layout_.archived({timeline, number}, size_);
      std::filesystem::create_directories(path.parent_path());
      std::ofstream(path) << "WAL";
    }
  };
  lay_down(test::kOne, 1, 501);
  lay_down(test::kTwo, 190, 312);
  const SegmentSet gone(
      std::vector<SegmentRun>{{test::kOne, 1, 200}, {test::kOne, 300, 500}, {test::kTwo, 191, 311}});
  std::vector<std::uint64_t> files;
  const auto removed = remove_wal(archive_, gone, {}, {}, [&](const RemovedWal& so_far) {
    files.push_back(so_far.files);
    const auto left = archive_.inventory().segments;
    EXPECT_EQ(gone.without(gone.without(left)), gone.last(gone.size() - so_far.files));
  });
  EXPECT_THAT(files, ElementsAre(256, 401, 522));  // some at a time, of one folder
  EXPECT_EQ(removed.files, gone.size());
  EXPECT_THAT(archive_.inventory().segments.runs(),
              ElementsAre(SegmentRun{test::kOne, 201, 299}, SegmentRun{test::kOne, 501, 501},
                          SegmentRun{test::kTwo, 190, 190}, SegmentRun{test::kTwo, 312, 312}));
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
