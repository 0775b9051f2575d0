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
using test::range;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr TimelineId kThree{3};

/// Of backups that go on from there.
std::vector<WalNeed> from(const std::vector<WalPosition>& starts) {
  std::vector<WalNeed> needs;
  for (const auto& start : starts) needs.push_back({start, start, {}});
  return needs;
}
/// Of one that is consistent only.
WalNeed alone(TimelineId timeline, double start, double end) {
  return {{timeline, at(start)}, {timeline, at(end)}, std::set<TimelineId>()};
}

SegmentSet needless(const Held& held, const std::vector<WalPosition>& starts) {
  return needless_wal(held.wal(), from(starts)).segments;
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
    return needless_wal(held.wal(), from({start})).partials;
  };
  EXPECT_THAT(after({kTwo, at(8)}), ElementsAre(WalSegment{kOne, 6}));
  EXPECT_THAT(after({kOne, at(5)}), IsEmpty());
  held.partial(kTwo, 10.5);
  EXPECT_THAT(after({kTwo, at(8)}), ElementsAre(WalSegment{kOne, 6}))
      << "that of the newest is being received";
}

TEST(NeedlessWalTest, IsWithThePartialInWhichAGapBegan) {
  auto held = Held().segments(kOne, 3, 5).partial(kOne, 6.5).segments(kOne, 9, 12).partial(kOne, 13.5);
  EXPECT_THAT(needless_wal(held.wal(), from({{kOne, at(10)}})).partials, ElementsAre(WalSegment{kOne, 6}));
  EXPECT_THAT(needless_wal(held.wal(), from({{kOne, at(5)}})).partials, IsEmpty());
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

TEST(NeedlessWalTest, IsNotWhatMakesABackupConsistent) {
  const auto held = Held().segments(kOne, 1, 12);
  const auto needless = needless_wal(held.wal(), std::vector{alone(kOne, 2.5, 3), alone(kOne, 5, 6.1),
                                                             WalNeed{{kOne, at(9)}, {kOne, at(9.5)}, {}}});
  EXPECT_THAT(needless.segments, ElementsAre(WalSegment{kOne, 1}, WalSegment{kOne, 3}, WalSegment{kOne, 4},
                                             WalSegment{kOne, 7}, WalSegment{kOne, 8}));
  EXPECT_THAT(needless.between, ElementsAre(range(kOne, 3, 5), range(kOne, 7, 9)))
      << "1 lies before all that stays";
}

TEST(NeedlessWalTest, IsNotWhatMakesABackupConsistentAcrossAPromotion) {
  auto held = Held().segments(kOne, 1, 7).history(kTwo, left(kOne, 4.5)).segments(kTwo, 4, 9);
  const WalNeed across{{kOne, at(3)}, {kTwo, at(5.5)}, std::set<TimelineId>()};
  const WalNeed newest{{kTwo, at(8)}, {kTwo, at(8.5)}, {}};
  const auto needless = needless_wal(held.wal(), std::vector{across, newest});
  EXPECT_THAT(needless.segments,
              ElementsAre(WalSegment{kOne, 1}, WalSegment{kOne, 2}, WalSegment{kOne, 5}, WalSegment{kOne, 6},
                          WalSegment{kOne, 7}, WalSegment{kTwo, 6}, WalSegment{kTwo, 7}));
  EXPECT_THAT(needless.between, ElementsAre(range(kOne, 5, 8), range(kTwo, 6, 8)));
}

TEST(NeedlessWalTest, IsBetweenWithTheFileOfANewTimelineBesideTheLastOneThatABackupNeeds) {
  auto held = Held().segments(kOne, 1, 4).history(kTwo, left(kOne, 4.5)).segments(kTwo, 4, 9);
  const WalNeed newest{{kTwo, at(8)}, {kTwo, at(8.5)}, {}};
  EXPECT_THAT(needless_wal(held.wal(), std::vector{alone(kOne, 4.1, 4.3), newest}).between,
              ElementsAre(range(kTwo, 4, 8)));
}

TEST(NeedlessWalTest, IsBetweenWithThePartialInWhichAGapBegan) {
  auto held = Held().segments(kOne, 1, 5).partial(kOne, 6.5).segments(kOne, 9, 12).partial(kOne, 13.5);
  const auto needless =
      needless_wal(held.wal(), std::vector{alone(kOne, 2, 3), WalNeed{{kOne, at(10)}, {kOne, at(11)}, {}}});
  EXPECT_THAT(needless.partials, ElementsAre(WalSegment{kOne, 6}));
  EXPECT_THAT(needless.between, ElementsAre(range(kOne, 3, 7), range(kOne, 9, 10)));
}

TEST(NeedlessWalTest, IsNothingAfterABackupThatStandsAloneWhileNoneGoesOn) {
  EXPECT_THAT(needless_wal(Held().segments(kOne, 1, 12).wal(), std::vector{alone(kOne, 2, 3)}).segments,
              IsEmpty());
}

TEST(NeedlessWalTest, IsOnlyAlongTheLineThatANeedGoesOnAlong) {
  auto held = Held().segments(kOne, 1, 9).history(kTwo, left(kOne, 4.5)).segments(kTwo, 4, 8);
  const WalNeed along_two{{kOne, at(2)}, {kOne, at(2.5)}, std::set{kTwo}};
  EXPECT_THAT(needless_wal(held.wal(), std::vector{along_two}).segments,
              ElementsAre(WalSegment{kOne, 1}, WalSegment{kOne, 5}, WalSegment{kOne, 6}, WalSegment{kOne, 7},
                          WalSegment{kOne, 8}, WalSegment{kOne, 9}));
}

TEST(NeedlessWalTest, IsNothingWhileAHistoryOfABackupIsMissing) {
  const auto held = Held().segments(kOne, 3, 9);
  const std::set<TimelineId> nowhere;
  EXPECT_THAT(
      needless_wal(held.wal(), std::vector{WalNeed{{kTwo, at(8)}, {kOne, at(8.5)}, nowhere}}).segments,
      IsEmpty());
  EXPECT_THAT(needless_wal(held.wal(), std::vector{WalNeed{{kOne, at(8)}, {kTwo, at(8.5)}, {}}}).segments,
              IsEmpty());
}

TEST(NeedlessWalTest, IsNothingWhileAHistoryIsDamagedOfWhichThereIsNoWal) {
  auto held = Held().segments(kOne, 3, 9);
  held.names.damaged_histories.emplace(kThree, "00000003.history: no history");
  EXPECT_THAT(needless(held, {{kOne, at(8)}}), IsEmpty());
}

TEST(NeedlessWalTest, IsNotWhatABackupNeedsThatEndedOnATimelineWithoutWal) {
  const auto held = Held().segments(kOne, 1, 9).history(kTwo, left(kOne, 4.5));
  const WalNeed across{{kOne, at(3)}, {kTwo, at(4.6)}, std::set<TimelineId>()};
  const WalNeed newest{{kOne, at(8)}, {kOne, at(8.5)}, {}};
  EXPECT_THAT(needless_wal(held.wal(), std::vector{across, newest}).segments,
              ElementsAre(WalSegment{kOne, 1}, WalSegment{kOne, 2}, WalSegment{kOne, 5}, WalSegment{kOne, 6},
                          WalSegment{kOne, 7}));
}

TEST(NeedlessWalTest, IsNoneThatLeadsToATimelineOfWhichTheFirstSegmentIsBeingReceived) {
  auto held = Held().segments(kOne, 3, 6).history(kTwo, left(kOne, 4.5)).partial(kTwo, 4.8);
  EXPECT_THAT(needless(held, {{kOne, at(5.5)}}), IsEmpty());
}

TEST(NeedlessWalTest, IsWithALaterPartialOfATimelineThatWasLeftAndWithNoneThatIsBegunJustNow) {
  auto held =
      Held().segments(kOne, 3, 9).partial(kOne, 10.5).history(kTwo, left(kOne, 6.5)).segments(kTwo, 6, 8);
  EXPECT_THAT(needless_wal(held.wal(), from({{kTwo, at(8)}})).partials, ElementsAre(WalSegment{kOne, 10}));
  const auto begun = Held().segments(kOne, 3, 9).partial(kOne, 10, 10);
  EXPECT_THAT(needless_wal(begun.wal(), from({{kOne, at(5)}})).partials, IsEmpty());
}

TEST(NeedlessWalTest, IsNotBetweenAfterTheLastThatStays) {
  auto held = Held().segments(kOne, 1, 12).history(kTwo, left(kOne, 4.5)).segments(kTwo, 4, 9);
  const WalNeed newest{{kTwo, at(8)}, {kTwo, at(8.5)}, {}};
  EXPECT_THAT(needless_wal(held.wal(), std::vector{alone(kOne, 3, 3.5), newest}).between,
              ElementsAre(range(kOne, 4, 10), range(kTwo, 4, 8)));
}

}  // namespace
}  // namespace pgkeep::catalog
