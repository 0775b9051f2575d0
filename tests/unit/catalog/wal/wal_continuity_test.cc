#include "catalog/wal/wal_continuity.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {

void PrintTo(const WalRange& range, std::ostream* out) {
  *out << range.timeline.to_string() << ": " << range.begin.to_string() << " to " << range.end.to_string();
}

namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalPosition;
using postgres::WalSegment;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMiB = 1 << 20;
const postgres::WalSegmentSize kSize(kMiB);
constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr TimelineId kThree{3};

/// A place in units of a segment: 5.5 is the middle of segment 5.
Lsn at(double segments) {
  return Lsn(static_cast<std::uint64_t>(segments * kMiB));
}
WalRange range(TimelineId timeline, double begin, double end) {
  return {timeline, at(begin), at(end)};
}
Event gap(TimelineId timeline, double begin, double end) {
  return {{}, EventKind::gap, "removed", range(timeline, begin, end)};
}

/// What an archive holds, said briefly.
struct Held {
  Held& segments(TimelineId timeline, std::uint64_t first, std::uint64_t last) {
    for (auto number = first; number <= last; ++number) wal.segments.push_back({timeline, number});
    std::ranges::sort(wal.segments);
    return *this;
  }
  Held& partial(TimelineId timeline, double end, std::uint64_t number) {
    wal.partials.push_back({timeline, number});
    std::ranges::sort(wal.partials);
    ends.push_back({{timeline, number}, at(end)});
    return *this;
  }
  Held& partial(TimelineId timeline, double end) {
    return partial(timeline, end, static_cast<std::uint64_t>(end));
  }
  Held& history(TimelineId timeline, const std::string& content) {
    wal.histories.emplace(timeline, TimelineHistory::parse(timeline, content));
    return *this;
  }
  Held& lost(const Event& event) {
    events.push_back(event);
    return *this;
  }
  WalContinuity examined() const { return examine_continuity(wal, ends, kSize, events); }
  std::optional<ResumePoint> resume(TimelineId timeline) const {
    const auto line = wal.histories.find(timeline);
    return find_resume_point(wal, line == wal.histories.end() ? TimelineHistory(timeline) : line->second,
                             kSize, events);
  }

  WalInventory wal;
  std::vector<PartialEnd> ends;
  std::vector<Event> events;
};

std::string history_line(TimelineId parent, double fork) {
  return parent.to_string() + "\t" + at(fork).to_string() + "\tno recovery target specified\n";
}
const std::string kTwoLeavesAtFiveAndAHalf = history_line(kOne, 5.5);

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

TEST(WalContinuityTest, OfAnEmptyArchiveIsNothing) {
  const auto found = Held().examined();
  EXPECT_THAT(found.ranges, IsEmpty());
  EXPECT_THAT(found.joints, IsEmpty());
  EXPECT_THAT(found.gaps, IsEmpty());
  EXPECT_EQ(found.end, std::nullopt);
}

TEST(WalContinuityTest, JoinsSegmentsAndThePartialBehindThem) {
  const auto found = Held().segments(kOne, 3, 5).partial(kOne, 6.25).examined();
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6.25)));
  EXPECT_THAT(found.gaps, IsEmpty());
  EXPECT_EQ(found.end, place(kOne, 6.25));
}

TEST(WalContinuityTest, PassesOverAPartialWithNothingInIt) {
  const auto found = Held().segments(kOne, 3, 5).partial(kOne, 6).examined();
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6)));
}

TEST(WalContinuityTest, TakesTheSegmentForItsPartial) {
  const auto found = Held().segments(kOne, 3, 5).partial(kOne, 4.5).examined();
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6)));
}

TEST(WalContinuityTest, SeesAHoleThatMayStillBeFilled) {
  const auto found = Held().segments(kOne, 3, 5).segments(kOne, 8, 9).examined();
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6), range(kOne, 8, 10)));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6, 8), false)));
}

TEST(WalContinuityTest, SeesPushedSegmentsAheadOfTheStream) {
  const auto found = Held().segments(kOne, 3, 5).partial(kOne, 6.5).segments(kOne, 7, 8).examined();
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 6.5), range(kOne, 7, 9)));
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6.5, 7), false)));
  EXPECT_EQ(found.end, place(kOne, 9));
}

TEST(WalContinuityTest, SaysWhatIsLost) {
  const auto found =
      Held().segments(kOne, 3, 5).partial(kOne, 6.5).segments(kOne, 9, 9).lost(gap(kOne, 6.5, 9)).examined();
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6.5, 9), true)));
}

TEST(WalContinuityTest, SaysOfAHoleWhichPartIsLost) {
  const auto found = Held().segments(kOne, 3, 5).segments(kOne, 9, 9).lost(gap(kOne, 7, 9)).examined();
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6, 7), false), is_gap(range(kOne, 7, 9), true)));
}

TEST(WalContinuityTest, ForgetsAGapThatWasFilled) {
  const auto found = Held().segments(kOne, 3, 9).lost(gap(kOne, 6.5, 9)).examined();
  EXPECT_THAT(found.gaps, IsEmpty());
}

TEST(WalContinuityTest, KnowsAGapBehindWhichNothingHasComeYet) {
  const auto found = Held().segments(kOne, 3, 5).partial(kOne, 6.5).lost(gap(kOne, 6.5, 9)).examined();
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 6.5, 9), true)));
}

TEST(WalContinuityTest, TakesWalOfWalLevelMinimalForAGapThoughItIsHeld) {
  auto minimal = gap(kOne, 4, 4.5);
  minimal.kind = EventKind::minimal_wal;
  const auto found = Held().segments(kOne, 3, 5).segments(kOne, 8, 9).lost(minimal).examined();
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 4, 4.5), true), is_gap(range(kOne, 6, 8), false)));
}

TEST(WalContinuityTest, JoinsATimelineToTheOneItCameFrom) {
  const auto found = Held()
                         .segments(kOne, 3, 4)
                         .partial(kOne, 5.5)
                         .segments(kTwo, 5, 6)
                         .history(kTwo, kTwoLeavesAtFiveAndAHalf)
                         .examined();
  EXPECT_THAT(found.ranges, ElementsAre(range(kOne, 3, 5.5), range(kTwo, 5, 7)));
  EXPECT_THAT(found.joints, ElementsAre(is_joint(kOne, kTwo, 5.5)));
  EXPECT_THAT(found.gaps, IsEmpty());
  EXPECT_EQ(found.end, place(kTwo, 7));
}

TEST(WalContinuityTest, JoinsOverATimelineWithoutWalOfItsOwn) {
  const auto found = Held()
                         .segments(kOne, 3, 4)
                         .segments(kThree, 5, 6)
                         .history(kTwo, history_line(kOne, 5.25))
                         .history(kThree, history_line(kOne, 5.25) + history_line(kTwo, 5.5))
                         .examined();
  EXPECT_THAT(found.joints, ElementsAre(is_joint(kOne, kThree, 5.25)));
  EXPECT_THAT(found.gaps, IsEmpty());
}

TEST(WalContinuityTest, TakesWhatALaterTimelinesFileHasOfTheEarlierOne) {
  const auto found = Held()
                         .segments(kOne, 3, 4)
                         .partial(kOne, 5.125)
                         .segments(kTwo, 5, 6)
                         .history(kTwo, kTwoLeavesAtFiveAndAHalf)
                         .examined();
  EXPECT_THAT(found.gaps, IsEmpty());
}

TEST(WalContinuityTest, CutsAHoleWhereTheTimelineEnds) {
  const auto found = Held()
                         .segments(kOne, 3, 3)
                         .segments(kTwo, 7, 8)
                         .history(kTwo, kTwoLeavesAtFiveAndAHalf)
                         .lost(gap(kOne, 4, 5.5))
                         .examined();
  EXPECT_THAT(found.gaps, ElementsAre(is_gap(range(kOne, 4, 5.5), true), is_gap(range(kTwo, 5.5, 7), false)));
}

TEST(WalContinuityTest, SeesNoHoleInABranchThatWasLeft) {
  const auto found = Held()
                         .segments(kOne, 3, 6)
                         .segments(kOne, 9, 9)
                         .segments(kTwo, 5, 6)
                         .history(kTwo, kTwoLeavesAtFiveAndAHalf)
                         .examined();
  EXPECT_THAT(found.ranges, SizeIs(3));
  EXPECT_THAT(found.gaps, IsEmpty());
}

TEST(WalContinuityTest, LosesNothingOfALineBehindWhereItLeftTheTimeline) {
  const auto found = Held()
                         .segments(kOne, 3, 4)
                         .history(kTwo, history_line(kOne, 6.5))
                         .segments(kTwo, 9, 9)
                         .lost(gap(kOne, 5, 8))
                         .examined();
  ASSERT_THAT(found.gaps, SizeIs(2));
  EXPECT_EQ(found.gaps[0].range, range(kOne, 5, 6.5));
  EXPECT_EQ(found.gaps[0].event, gap(kOne, 5, 8));
  EXPECT_EQ(found.gaps[1].range, range(kTwo, 6.5, 9));
  EXPECT_EQ(found.gaps[1].event, std::nullopt);
}

// Timeline 3 comes from 2, to a point before 2 had left 1.
TEST(WalContinuityTest, SeesNoHoleWhereTheSwitchPointsFall) {
  const auto found = Held()
                         .segments(kOne, 3, 4)
                         .partial(kOne, 5.75)
                         .segments(kTwo, 5, 6)
                         .partial(kThree, 5.625)
                         .history(kTwo, history_line(kOne, 5.5))
                         .history(kThree, history_line(kOne, 5.5) + history_line(kTwo, 5.25))
                         .examined();
  EXPECT_THAT(found.joints, ElementsAre(is_joint(kOne, kTwo, 5.5), is_joint(kTwo, kThree, 5.25)));
  EXPECT_THAT(found.gaps, IsEmpty());
  EXPECT_EQ(found.end, place(kThree, 5.625));
}

TEST(WalContinuityTest, CountsAWholePartialToItsEndBehindAWalSwitch) {
  const test::TempDirectory directory;
  const store::ServerLayout layout(directory / "main");
  layout.make();
  const WalArchive archive(layout, {test::kSampleSystem, test::kSampleMajor, kSize, 8192}, 1);
  const WalSegment five{kOne, 5};
  io::write_file_durably(layout.partial(five, kSize), test::sample_wal_with_switch(five, 1000));
  io::write_file_durably(layout.partial(five.next(), kSize), test::sample_wal(five.next()));
  EXPECT_THAT(read_continuity(archive).ranges, ElementsAre(range(kOne, 5, 7)));
  EXPECT_THAT(read_continuity(archive).gaps, IsEmpty());
}

TEST(NewestTimelineTest, IsTheHighestThatHasWal) {
  EXPECT_EQ(newest_timeline(Held().wal), std::nullopt);
  EXPECT_EQ(newest_timeline(Held().segments(kOne, 3, 9).segments(kTwo, 5, 5).wal), kTwo);
  EXPECT_EQ(newest_timeline(Held().segments(kOne, 3, 9).partial(kThree, 5.5).wal), kThree);
  EXPECT_EQ(newest_timeline(Held().history(kTwo, kTwoLeavesAtFiveAndAHalf).segments(kOne, 3, 9).wal), kOne);
}

TEST(BorneOutTest, AHistoryIsByWalOfItsTimelineOrOfOneThatComesFromIt) {
  Held held;
  held.segments(kOne, 3, 9).history(kTwo, kTwoLeavesAtFiveAndAHalf);
  EXPECT_FALSE(is_borne_out(held.wal, kTwo));
  held.history(kThree, history_line(kOne, 5.5) + history_line(kTwo, 6.5)).partial(kThree, 6.75);
  EXPECT_TRUE(is_borne_out(held.wal, kTwo));
  EXPECT_TRUE(is_borne_out(held.wal, kThree));
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
  const auto found = row.held.resume(row.line);
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
     Held().segments(kOne, 5, 5).partial(kOne, 6.5).segments(kOne, 9, 9).lost(gap(kOne, 6.5, 9)),
     kOne,
     place(kOne, 10),
     {}},
    {"beyond a lost gap when nothing has come yet",
     Held().segments(kOne, 5, 5).lost(gap(kOne, 6, 9)),
     kOne,
     place(kOne, 9),
     {}},
    {"what a lost gap begins behind is still asked for",
     Held().segments(kOne, 5, 5).segments(kOne, 9, 9).lost(gap(kOne, 7, 9)), kOne, place(kOne, 6), 9},
    {"what was filled of a lost gap is passed over, the rest stays lost",
     Held().segments(kOne, 5, 7).segments(kOne, 9, 9).lost(gap(kOne, 6, 9)),
     kOne,
     place(kOne, 10),
     {}},
    {"two lost gaps",
     Held().segments(kOne, 5, 5).segments(kOne, 8, 8).lost(gap(kOne, 6, 8)).lost(gap(kOne, 9, 12)),
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
     Held().segments(kOne, 3, 5).history(kTwo, history_line(kOne, 6)),
     kTwo,
     place(kTwo, 6),
     {}},
    {"a lost gap ends where the line left its timeline",
     Held().segments(kOne, 3, 4).lost(gap(kOne, 5, 9)).history(kTwo, history_line(kOne, 7)),
     kTwo,
     place(kTwo, 7),
     {}},
    {"a gap across a fork is lost as two",
     Held()
         .segments(kOne, 3, 3)
         .history(kTwo, kTwoLeavesAtFiveAndAHalf)
         .lost(gap(kOne, 4, 5.5))
         .lost(gap(kTwo, 5.5, 7)),
     kTwo,
     place(kTwo, 7),
     {}},
    {"a gap of another branch says nothing of this one",
     Held().segments(kOne, 3, 5).history(kTwo, history_line(kOne, 6)).lost(gap(kOne, 6, 9)),
     kTwo,
     place(kTwo, 6),
     {}},
    {"several timelines in one segment",
     Held().segments(kOne, 3, 5).history(kThree, history_line(kOne, 5.25) + history_line(kTwo, 5.5)),
     kThree,
     place(kTwo, 5),
     {}},
};

// A server asked for timeline 1 would send what lies after 4.25, too, and may have no file of timeline 2.
TEST(ResumePointTest, AsksForNothingOfATimelineThatIsCutShort) {
  Held held;
  held.segments(kOne, 3, 3)
      .history(kTwo, history_line(kOne, 5.5))
      .history(kThree, history_line(kOne, 5.5) + history_line(kTwo, 4.25));
  const auto in_fork = held.resume(kThree).value();
  EXPECT_EQ(in_fork.position, (WalPosition{kThree, at(4)}));
  EXPECT_EQ(in_fork.until, std::nullopt);
  EXPECT_EQ(Held(held).partial(kOne, 4.5).resume(kThree)->position, (WalPosition{kThree, at(4)}));

  Held before;
  before.partial(kOne, 2.5).history(kThree, history_line(kOne, 5.5) + history_line(kTwo, 4.25));
  const auto earlier = before.resume(kThree).value();
  EXPECT_EQ(earlier.position, (WalPosition{kOne, at(2)}));
  EXPECT_EQ(earlier.until, at(4));
}

// The server would read the end of timeline 1 from a file of timeline 2, of which it never had any WAL.
TEST(ResumePointTest, AsksForTheEndOfATimelineOnTheNextThatHasWal) {
  Held held;
  held.partial(kOne, 4.25).history(kThree, history_line(kOne, 4.5) + history_line(kTwo, 4.5));
  const auto in_fork = held.resume(kThree).value();
  EXPECT_EQ(in_fork.position, (WalPosition{kThree, at(4)}));
  EXPECT_EQ(in_fork.until, std::nullopt);

  Held before;
  before.partial(kOne, 2.5).history(kThree, history_line(kOne, 4.5) + history_line(kTwo, 4.5));
  const auto earlier = before.resume(kThree).value();
  EXPECT_EQ(earlier.position, (WalPosition{kOne, at(2)}));
  EXPECT_EQ(earlier.until, at(4));
}

INSTANTIATE_TEST_SUITE_P(Table, ResumePointTest, testing::ValuesIn(kRows));

TEST(ResumePointTest, MayNotMoveBackByAnotherKindOfEvent) {
  auto held = Held().segments(kOne, 3, 5);
  auto event = gap(kOne, 6, 9);
  event.kind = EventKind::branch_left;
  EXPECT_EQ(held.lost(event).resume(kOne)->position, *place(kOne, 6));
}

}  // namespace
}  // namespace pgkeep::catalog
