#include "catalog/wal/held_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/held_builder.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalPosition;
using postgres::WalSegment;
using test::at;
using test::gap;
using test::Held;
using test::left;
using test::range;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr TimelineId kThree{3};
const std::string kTwoLeavesAtFiveAndAHalf = left(kOne, 5.5);

/// All that is said of what is held: of each timeline, and along the line of the newest.
struct Examined {
  std::vector<WalRange> ranges;
  std::vector<WalJoint> joints;
  std::vector<WalGap> gaps;
  std::optional<WalPosition> end;
};
Examined examine(const Held& held) {
  const auto wal = held.wal();
  Examined found{wal.ranges(), wal.joints(), {}, {}};
  if (const auto line = wal.along_newest()) {
    found.gaps = line->gaps(held.events);
    found.end = line->end();
  }
  return found;
}

auto is_joint(TimelineId from, TimelineId to, double where) {
  return testing::AllOf(testing::Field(&WalJoint::from, from), testing::Field(&WalJoint::to, to),
                        testing::Field(&WalJoint::at, at(where)));
}
auto is_gap(const WalRange& of, bool lost) {
  return testing::AllOf(
      testing::Field(&WalGap::range, of),
      testing::Field(&WalGap::event,
                     testing::ResultOf([](const auto& event) { return event.has_value(); }, lost)));
}
std::optional<WalPosition> place(TimelineId timeline, double where) {
  return WalPosition{timeline, at(where)};
}

// -------------------------------------------------------------------------------------- continuity

TEST(HeldLineTest, OfAnEmptyArchiveIsNothing) {
  const auto found = examine(Held());
  EXPECT_THAT(found.ranges, IsEmpty());
  EXPECT_THAT(found.joints, IsEmpty());
  EXPECT_THAT(found.gaps, IsEmpty());
  EXPECT_EQ(found.end, std::nullopt);
}

TEST(HeldLineTest, JoinsSegmentsAndThePartialBehindThem) {
  const auto found = examine(Held().segments(kOne, 3, 5).partial(kOne, 6.25));
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6.25)));
  EXPECT_THAT(found.gaps, IsEmpty());
  EXPECT_EQ(found.end, place(kOne, 6.25));
}

TEST(HeldLineTest, PassesOverAPartialWithNothingInIt) {
  const auto found = examine(Held().segments(kOne, 3, 5).partial(kOne, 6));
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6)));
}

TEST(HeldLineTest, TakesTheSegmentForItsPartial) {
  const auto found = examine(Held().segments(kOne, 3, 5).partial(kOne, 4.5));
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6)));
}

TEST(HeldLineTest, SeesAHoleThatMayStillBeFilled) {
  const auto found = examine(Held().segments(kOne, 3, 5).segments(kOne, 8, 9));
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6), range(kOne, 8, 10)));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6, 8), false)));
}

TEST(HeldLineTest, SeesPushedSegmentsAheadOfTheStream) {
  const auto found = examine(Held().segments(kOne, 3, 5).partial(kOne, 6.5).segments(kOne, 7, 8));
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6.5), range(kOne, 7, 9)));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6.5, 7), false)));
  EXPECT_EQ(found.end, place(kOne, 9));
}

TEST(HeldLineTest, SaysWhatIsLost) {
  const auto found = examine(
      Held().segments(kOne, 3, 5).partial(kOne, 6.5).segments(kOne, 9, 9).recorded(gap(kOne, 6.5, 9)));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6.5, 9), true)));
}

TEST(HeldLineTest, SaysOfAHoleWhichPartIsLost) {
  const auto found = examine(Held().segments(kOne, 3, 5).segments(kOne, 9, 9).recorded(gap(kOne, 7, 9)));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6, 7), false), is_gap(range(kOne, 7, 9), true)));
}

TEST(HeldLineTest, ForgetsAGapThatWasFilled) {
  const auto found = examine(Held().segments(kOne, 3, 9).recorded(gap(kOne, 6.5, 9)));
  EXPECT_THAT(found.gaps, IsEmpty());
}

TEST(HeldLineTest, ContinuesAfterWhatRetentionLetGo) {
  auto removed = gap(kOne, 5, 8);
  removed.kind = EventKind::removed;
  const auto held = Held().segments(kOne, 3, 4).segments(kOne, 8, 9).partial(kOne, 10.5).recorded(removed);
  EXPECT_THAT(examine(held).gaps, ElementsAre(is_gap(range(kOne, 5, 8), true)));
  EXPECT_EQ(held.along(kOne).resume_point(held.events)->position.lsn, at(10));
  const auto half_way = Held().segments(kOne, 3, 4).segments(kOne, 7, 9).recorded(removed);
  EXPECT_EQ(half_way.along(kOne).resume_point(half_way.events)->position.lsn, at(10))
      << "it was killed before it had removed all";
}

TEST(HeldLineTest, KnowsAGapBehindWhichNothingHasComeYet) {
  const auto found = examine(Held().segments(kOne, 3, 5).partial(kOne, 6.5).recorded(gap(kOne, 6.5, 9)));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6.5, 9), true)));
}

TEST(HeldLineTest, TakesWalOfWalLevelMinimalForAGapThoughItIsHeld) {
  auto minimal = gap(kOne, 4, 4.5);
  minimal.kind = EventKind::minimal_wal;
  const auto found = examine(Held().segments(kOne, 3, 5).segments(kOne, 8, 9).recorded(minimal));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 4, 4.5), true), is_gap(range(kOne, 6, 8), false)));
}

TEST(HeldLineTest, JoinsATimelineToTheOneItCameFrom) {
  const auto found = examine(Held()
                                 .segments(kOne, 3, 4)
                                 .partial(kOne, 5.5)
                                 .segments(kTwo, 5, 6)
                                 .history(kTwo, kTwoLeavesAtFiveAndAHalf));
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 5.5), range(kTwo, 5, 7)));
  EXPECT_THAT(found.joints, ElementsAre(is_joint(kOne, kTwo, 5.5)));
  EXPECT_THAT(found.gaps, IsEmpty());
  EXPECT_EQ(found.end, place(kTwo, 7));
}

TEST(HeldLineTest, JoinsOverATimelineWithoutWalOfItsOwn) {
  const auto found = examine(Held()
                                 .segments(kOne, 3, 4)
                                 .segments(kThree, 5, 6)
                                 .history(kTwo, left(kOne, 5.25))
                                 .history(kThree, left(kOne, 5.25) + left(kTwo, 5.5)));
  EXPECT_THAT(found.joints, ElementsAre(is_joint(kOne, kThree, 5.25)));
  EXPECT_THAT(found.gaps, IsEmpty());
}

TEST(HeldLineTest, TakesWhatALaterTimelinesFileHasOfTheEarlierOne) {
  const auto found = examine(Held()
                                 .segments(kOne, 3, 4)
                                 .partial(kOne, 5.125)
                                 .segments(kTwo, 5, 6)
                                 .history(kTwo, kTwoLeavesAtFiveAndAHalf));
  EXPECT_THAT(found.gaps, IsEmpty());
}

TEST(HeldLineTest, CutsAHoleWhereTheTimelineEnds) {
  const auto found = examine(Held()
                                 .segments(kOne, 3, 3)
                                 .segments(kTwo, 7, 8)
                                 .history(kTwo, kTwoLeavesAtFiveAndAHalf)
                                 .recorded(gap(kOne, 4, 5.5)));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 4, 5.5), true), is_gap(range(kTwo, 5.5, 7), false)));
}

TEST(HeldLineTest, SeesNoHoleInABranchThatWasLeft) {
  const auto found = examine(Held()
                                 .segments(kOne, 3, 6)
                                 .segments(kOne, 9, 9)
                                 .segments(kTwo, 5, 6)
                                 .history(kTwo, kTwoLeavesAtFiveAndAHalf));
  EXPECT_THAT(found.ranges, SizeIs(3));
  EXPECT_THAT(found.gaps, IsEmpty());
}

TEST(HeldLineTest, LosesNothingOfALineBehindWhereItLeftTheTimeline) {
  const auto found = examine(Held()
                                 .segments(kOne, 3, 4)
                                 .history(kTwo, left(kOne, 6.5))
                                 .segments(kTwo, 9, 9)
                                 .recorded(gap(kOne, 5, 8)));
  ASSERT_THAT(found.gaps, SizeIs(2));
  EXPECT_EQ(found.gaps[0].range, range(kOne, 5, 6.5));
  EXPECT_EQ(found.gaps[0].event, gap(kOne, 5, 8));
  EXPECT_EQ(found.gaps[1].range, range(kTwo, 6.5, 9));
  EXPECT_EQ(found.gaps[1].event, std::nullopt);
}

// Timeline 3 comes from 2, to a point before 2 had left 1.
TEST(HeldLineTest, SeesNoHoleWhereTheSwitchPointsFall) {
  const auto found = examine(Held()
                                 .segments(kOne, 3, 4)
                                 .partial(kOne, 5.75)
                                 .segments(kTwo, 5, 6)
                                 .partial(kThree, 5.625)
                                 .history(kTwo, left(kOne, 5.5))
                                 .history(kThree, left(kOne, 5.5) + left(kTwo, 5.25)));
  EXPECT_THAT(found.joints, ElementsAre(is_joint(kOne, kTwo, 5.5), is_joint(kTwo, kThree, 5.25)));
  EXPECT_THAT(found.gaps, IsEmpty());
  EXPECT_EQ(found.end, place(kThree, 5.625));
}

TEST(HeldLineTest, CountsAWholePartialToItsEndBehindAWalSwitch) {
  const auto found = examine(Held().switched_partial(kOne, 5.25).partial(kOne, 6.5));
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 5, 6.5)));
  EXPECT_THAT(found.gaps, IsEmpty());
}

// A server may not have come to the end of the zeroes yet: what it has is compared with what is held.
TEST(HeldLineTest, EndsAtAWalSwitchAfterWhichNothingHasCome) {
  EXPECT_EQ(examine(Held().switched_partial(kOne, 5.25)).end, place(kOne, 5.25));
}

TEST(HeldLineTest, EndsWhereTheOldTimelineDoesWhileTheNewOneHasNothing) {
  const auto found = examine(Held().segments(kOne, 3, 4).partial(kTwo, 5).history(kTwo, left(kOne, 5)));
  EXPECT_EQ(found.end, place(kTwo, 5));
}

// ---------------------------------------------------------------------------------------- going on

struct ResumeRow {
  const char* claim;
  Held held;
  TimelineId line;
  std::optional<WalPosition> position;
  std::optional<double> until;
};

class ResumePointTest : public testing::TestWithParam<ResumeRow> {};

TEST_P(ResumePointTest, IsTheFirstByteThatIsNotHeld) {
  const auto& row = GetParam();
  const auto found = row.held.along(row.line).resume_point(row.held.events);
  ASSERT_EQ(found.has_value(), row.position.has_value()) << row.claim;
  if (!found) return;
  EXPECT_EQ(found->position.timeline, row.position->timeline) << row.claim;
  EXPECT_EQ(found->position.lsn.to_string(), row.position->lsn.to_string()) << row.claim;
  EXPECT_EQ(found->until, row.until ? std::optional(at(*row.until)) : std::nullopt) << row.claim;
}

const std::vector<ResumeRow> kRows{
    {"nothing is held", {}, kOne, {}, {}},
    {"nothing of the line is held", Held().segments(kTwo, 3, 4), kOne, {}, {}},
    {"behind the last complete segment", Held().segments(kOne, 5, 6), kOne, place(kOne, 7), {}},
    {"at the first byte of the partial",
     Held().segments(kOne, 5, 5).partial(kOne, 6.5),
     kOne,
     place(kOne, 6),
     {}},
    {"a partial alone", Held().partial(kOne, 6.5), kOne, place(kOne, 6), {}},
    {"behind a segment whose partial is still there",
     Held().segments(kOne, 5, 5).partial(kOne, 6, 5),
     kOne,
     place(kOne, 6),
     {}},
    {"pushed segments ahead of the stream leave only the partial to be received",
     Held().segments(kOne, 5, 5).partial(kOne, 6.5).segments(kOne, 7, 9), kOne, place(kOne, 6), 7},
    {"a hole is filled up to where it ends",
     Held().segments(kOne, 5, 5).segments(kOne, 9, 9).partial(kOne, 10.5), kOne, place(kOne, 6), 9},
    {"a lost gap is not asked for again",
     Held().segments(kOne, 5, 5).partial(kOne, 6.5).segments(kOne, 9, 9).recorded(gap(kOne, 6.5, 9)),
     kOne,
     place(kOne, 10),
     {}},
    {"beyond a lost gap when nothing has come yet",
     Held().segments(kOne, 5, 5).recorded(gap(kOne, 6, 9)),
     kOne,
     place(kOne, 9),
     {}},
    {"what a lost gap begins behind is still asked for",
     Held().segments(kOne, 5, 5).segments(kOne, 9, 9).recorded(gap(kOne, 7, 9)), kOne, place(kOne, 6), 9},
    {"what was filled of a lost gap is passed over, the rest stays lost",
     Held().segments(kOne, 5, 7).segments(kOne, 9, 9).recorded(gap(kOne, 6, 9)),
     kOne,
     place(kOne, 10),
     {}},
    {"two lost gaps",
     Held().segments(kOne, 5, 5).segments(kOne, 8, 8).recorded(gap(kOne, 6, 8)).recorded(gap(kOne, 9, 12)),
     kOne,
     place(kOne, 12),
     {}},
    {"the old timeline comes to its end first",
     Held().segments(kOne, 3, 4).partial(kOne, 5.25).history(kTwo, kTwoLeavesAtFiveAndAHalf),
     kTwo,
     place(kOne, 5),
     {}},
    {"the later timeline's partial of the same segment",
     Held()
         .segments(kOne, 3, 4)
         .partial(kOne, 5.5)
         .partial(kTwo, 5.75)
         .history(kTwo, kTwoLeavesAtFiveAndAHalf),
     kTwo,
     place(kTwo, 5),
     {}},
    {"a timeline left within a segment that is archived goes on in the next one's file",
     Held().segments(kOne, 3, 7).history(kTwo, kTwoLeavesAtFiveAndAHalf),
     kTwo,
     place(kTwo, 5),
     {}},
    {"what lies behind the fork on the old timeline does not count",
     Held()
         .segments(kOne, 3, 4)
         .partial(kOne, 5.75)
         .segments(kOne, 6, 8)
         .history(kTwo, kTwoLeavesAtFiveAndAHalf),
     kTwo,
     place(kOne, 5),
     {}},
    {"a fork between two segments",
     Held().segments(kOne, 3, 5).history(kTwo, left(kOne, 6)),
     kTwo,
     place(kTwo, 6),
     {}},
    {"a lost gap ends where the line left its timeline",
     Held().segments(kOne, 3, 4).recorded(gap(kOne, 5, 9)).history(kTwo, left(kOne, 7)),
     kTwo,
     place(kTwo, 7),
     {}},
    {"a gap across a fork is lost as two",
     Held()
         .segments(kOne, 3, 3)
         .history(kTwo, kTwoLeavesAtFiveAndAHalf)
         .recorded(gap(kOne, 4, 5.5))
         .recorded(gap(kTwo, 5.5, 7)),
     kTwo,
     place(kTwo, 7),
     {}},
    {"a gap of another branch says nothing of this one",
     Held().segments(kOne, 3, 5).history(kTwo, left(kOne, 6)).recorded(gap(kOne, 6, 9)),
     kTwo,
     place(kTwo, 6),
     {}},
    {"several timelines in one segment",
     Held().segments(kOne, 3, 5).history(kThree, left(kOne, 5.25) + left(kTwo, 5.5)),
     kThree,
     place(kTwo, 5),
     {}},
};

// A server asked for timeline 1 would send what lies after 4.25, too, and may have no file of timeline 2.
TEST(ResumePointTest, AsksForNothingOfATimelineThatIsCutShort) {
  Held held;
  held.segments(kOne, 3, 3)
      .history(kTwo, left(kOne, 5.5))
      .history(kThree, left(kOne, 5.5) + left(kTwo, 4.25));
  const auto in_fork = held.along(kThree).resume_point({}).value();
  EXPECT_EQ(in_fork.position, (WalPosition{kThree, at(4)}));
  EXPECT_EQ(in_fork.until, std::nullopt);
  EXPECT_EQ(Held(held).partial(kOne, 4.5).along(kThree).resume_point({})->position,
            (WalPosition{kThree, at(4)}));

  Held before;
  before.partial(kOne, 2.5).history(kThree, left(kOne, 5.5) + left(kTwo, 4.25));
  const auto earlier = before.along(kThree).resume_point({}).value();
  EXPECT_EQ(earlier.position, (WalPosition{kOne, at(2)}));
  EXPECT_EQ(earlier.until, at(4));
}

// The server would read the end of timeline 1 from a file of timeline 2, of which it never had any WAL.
TEST(ResumePointTest, AsksForTheEndOfATimelineOnTheNextThatHasWal) {
  Held held;
  held.partial(kOne, 4.25).history(kThree, left(kOne, 4.5) + left(kTwo, 4.5));
  const auto in_fork = held.along(kThree).resume_point({}).value();
  EXPECT_EQ(in_fork.position, (WalPosition{kThree, at(4)}));
  EXPECT_EQ(in_fork.until, std::nullopt);

  Held before;
  before.partial(kOne, 2.5).history(kThree, left(kOne, 4.5) + left(kTwo, 4.5));
  const auto earlier = before.along(kThree).resume_point({}).value();
  EXPECT_EQ(earlier.position, (WalPosition{kOne, at(2)}));
  EXPECT_EQ(earlier.until, at(4));
}

INSTANTIATE_TEST_SUITE_P(Table, ResumePointTest, testing::ValuesIn(kRows));

TEST(ResumePointTest, MayNotMoveBackByAnotherKindOfEvent) {
  auto held = Held().segments(kOne, 3, 5);
  auto event = gap(kOne, 6, 9);
  event.kind = EventKind::branch_left;
  held.recorded(event);
  EXPECT_EQ(held.along(kOne).resume_point(held.events)->position, *place(kOne, 6));
}

}  // namespace
}  // namespace pgkeep::catalog
