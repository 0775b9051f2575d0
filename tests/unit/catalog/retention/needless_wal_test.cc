#include "catalog/retention/needless_wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/held_builder.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using postgres::WalPosition;
using postgres::WalSegment;
using test::at;
using test::Held;
using test::left;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr TimelineId kThree{3};

std::vector<WalSegment> needless(const Held& held, const std::vector<WalPosition>& starts) {
  return needless_wal(held.wal(), starts).segments;
}

TEST(NeedlessWalTest, IsWhatLiesBeforeTheOldestStart) {
  const auto held = Held().segments(kOne, 3, 9).partial(kOne, 10.5);
  EXPECT_THAT(needless(held, {{kOne, at(5.5)}, {kOne, at(8)}}),
              ElementsAre(WalSegment{kOne, 3}, WalSegment{kOne, 4}));
  EXPECT_THAT(needless(held, {{kOne, at(3)}}), IsEmpty());
}

TEST(NeedlessWalTest, IsNoneOfTheNewestTimelineBeforeItsFirstBackup) {
  EXPECT_THAT(needless(Held().segments(kOne, 3, 5), {}), IsEmpty());
  auto held = Held().segments(kOne, 3, 5).history(kTwo, left(kOne, 4.5)).segments(kTwo, 4, 6);
  EXPECT_THAT(needless(held, {{kOne, at(5.25)}}), IsEmpty()) << "3 leads to timeline 2 as well";
}

TEST(NeedlessWalTest, IsABranchOnWhichNoStartLies) {
  auto held = Held().segments(kOne, 3, 9).history(kTwo, left(kOne, 6.5)).segments(kTwo, 6, 8);
  EXPECT_THAT(
      needless(held, {{kTwo, at(7)}}),
      ElementsAre(WalSegment{kOne, 3}, WalSegment{kOne, 4}, WalSegment{kOne, 5}, WalSegment{kOne, 6},
                  WalSegment{kOne, 7}, WalSegment{kOne, 8}, WalSegment{kOne, 9}, WalSegment{kTwo, 6}));
  EXPECT_THAT(needless(held, {{kOne, at(5)}}), ElementsAre(WalSegment{kOne, 3}, WalSegment{kOne, 4}))
      << "both branches can be reached";
  EXPECT_THAT(needless(held, {{kOne, at(7)}, {kTwo, at(8)}}),
              ElementsAre(WalSegment{kOne, 3}, WalSegment{kOne, 4}, WalSegment{kOne, 5}, WalSegment{kOne, 6},
                          WalSegment{kTwo, 6}, WalSegment{kTwo, 7}));
}

TEST(NeedlessWalTest, IsNothingThatABranchOfABranchNeeds) {
  auto held = Held()
                  .segments(kOne, 1, 5)
                  .history(kTwo, left(kOne, 3.5))
                  .segments(kTwo, 3, 6)
                  .history(kThree, left(kOne, 3.5) + left(kTwo, 5.5))
                  .segments(kThree, 5, 7);
  EXPECT_THAT(needless(held, {{kTwo, at(4)}}),
              ElementsAre(WalSegment{kOne, 1}, WalSegment{kOne, 2}, WalSegment{kOne, 3}, WalSegment{kOne, 4},
                          WalSegment{kOne, 5}, WalSegment{kTwo, 3}));
}

/// Beside the later WAL alone it would look like the begin of a gap, which a receiver would ask for.
TEST(NeedlessWalTest, IsWithThePartialOfATimelineThatWasLeft) {
  auto held =
      Held().segments(kOne, 3, 5).partial(kOne, 6.75).history(kTwo, left(kOne, 6.5)).segments(kTwo, 6, 9);
  const auto after = [&](const WalPosition& start) {
    return needless_wal(held.wal(), std::vector{start}).partials;
  };
  EXPECT_THAT(after({kTwo, at(8)}), ElementsAre(WalSegment{kOne, 6}));
  EXPECT_THAT(after({kOne, at(5)}), IsEmpty());
  held.partial(kTwo, 10.5);
  EXPECT_THAT(after({kTwo, at(8)}), ElementsAre(WalSegment{kOne, 6}))
      << "that of the newest is being received";
}

TEST(NeedlessWalTest, IsWithThePartialInWhichAGapBegan) {
  auto held = Held().segments(kOne, 3, 5).partial(kOne, 6.5).segments(kOne, 9, 12).partial(kOne, 13.5);
  EXPECT_THAT(needless_wal(held.wal(), std::vector<WalPosition>{{kOne, at(10)}}).partials,
              ElementsAre(WalSegment{kOne, 6}));
  EXPECT_THAT(needless_wal(held.wal(), std::vector<WalPosition>{{kOne, at(5)}}).partials, IsEmpty());
}

TEST(NeedlessWalTest, IsNothingWhileAHistoryIsMissing) {
  EXPECT_THAT(needless(Held().segments(kOne, 3, 9).segments(kThree, 6, 8), {{kOne, at(8)}}), IsEmpty());
  EXPECT_THAT(needless(Held().segments(kOne, 3, 9), {{kTwo, at(8)}}), IsEmpty());
}

TEST(NeedlessWalTest, IsNothingWhileAHistoryIsDamaged) {
  auto held = Held().segments(kOne, 3, 9).segments(kTwo, 6, 8);
  held.names.damaged_histories.emplace(kTwo, "00000002.history: no history");
  EXPECT_THAT(needless(held, {{kOne, at(8)}}), IsEmpty());
}

}  // namespace
}  // namespace pgkeep::catalog
