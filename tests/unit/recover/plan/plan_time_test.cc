#include "recover/plan/plan_time.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/plan_fixture.h"

namespace pgkeep::recover {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

RecoveryRequest to(io::TimePoint time, bool inclusive = true) {
  return request(
      {.where = TargetTime{.time = time, .text = "", .zone_assumed = false}, .inclusive = inclusive});
}
RecoveryRequest to_minute(int minute) {
  return to(at_minute(minute));
}

/// A backup in segments 3 and 4 that ended at 02:10; commits in 5 (02:15), 7 (02:25) and, later in the WAL
/// but earlier by the clock, 8 (02:20); 9 is still being received (02:40).
Repository some_hours() {
  return Repository()
      .backup(3, 4, 10)
      .wal(3, 8)
      .partial(9, "0/940000")
      .commits(3, {})
      .commits(4, 8)
      .commits(5, 15)
      .commits(6, {})
      .commits(7, 25)
      .commits(8, 20)
      .commits(9, 40);
}

TEST(PlanTimeTest, LaysDownWalUpToTheFirstCommitPastTheTarget) {
  struct Row {
    io::TimePoint target;
    const char* wal;
  };
  const std::chrono::microseconds one(1);
  const Row rows[] = {
      {at_minute(10), "1:3 1:4 1:5"},
      {at_minute(15) - one, "1:3 1:4 1:5"},
      {at_minute(15), "1:3 1:4 1:5 1:6 1:7"},  // stops past it, not at it
      {at_minute(24), "1:3 1:4 1:5 1:6 1:7"},  // the earlier commit behind 02:25 is never reached
      {at_minute(25), "1:3 1:4 1:5 1:6 1:7 1:8 1:9p"},
      {at_minute(40) - one, "1:3 1:4 1:5 1:6 1:7 1:8 1:9p"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(wal_of(make_plan(to(row.target), some_hours().facts)), row.wal) << format_moment(row.target);
}

TEST(PlanTimeTest, StopsAtACommitOfThatVeryTimeWhenTheTargetIsExclusive) {
  EXPECT_EQ(wal_of(make_plan(to(at_minute(15), false), some_hours().facts)), "1:3 1:4 1:5");
  EXPECT_NO_THROW(make_plan(to(at_minute(40), false), some_hours().facts));
}

TEST(PlanTimeTest, RefusesATimeBehindTheLastCommitAndNamesThat) {
  for (const int minute : {40, 41, 59}) {
    EXPECT_THAT(
        [&] { make_plan(to_minute(minute), some_hours().facts); },
        ThrowsMessage<Refused>(AllOf(HasSubstr("the last commit that is held was at 2026-11-20 02:40:00 UTC"),
                                     HasSubstr("without a target, recovery goes to the last byte"))));
  }
}

TEST(PlanTimeTest, RefusesAnyTimeWhenThereIsNoCommitAtAll) {
  const auto facts = Repository().backup(3, 3, 10).wal(3, 4).commits(3, {}).commits(4, {}).facts;
  EXPECT_THAT([&] { make_plan(to_minute(20), facts); },
              ThrowsMessage<Refused>(HasSubstr("no commit is held after the start of backup")));
}

TEST(PlanTimeTest, RefusesATimeThatIsPassedBeforeTheBackupIsConsistent) {
  const auto facts = Repository()
                         .backup(3, 6, 10)
                         .wal(3, 8)
                         .commits(3, {})
                         .commits(4, {})
                         .commits(5, 11)  // the clock that told the backup's end is behind the server's
                         .facts;
  EXPECT_THAT([&] { make_plan(to_minute(10), facts); },
              ThrowsMessage<Refused>(HasSubstr("transactions ended past that before 0/680000")));
}

TEST(PlanTimeTest, RefusesATimeBehindTheLastCommitBeforeAHole) {
  const auto facts = Repository()
                         .backup(3, 4, 10)
                         .wal(3, 5)
                         .wal(7, 9)
                         .commits(3, {})
                         .commits(4, {})
                         .commits(5, 15)
                         .commits(7, 30)
                         .facts;
  EXPECT_EQ(wal_of(make_plan(to_minute(14), facts)), "1:3 1:4 1:5");
  EXPECT_THAT([&] { make_plan(to_minute(20), facts); },
              ThrowsMessage<Refused>(AllOf(HasSubstr("000000010000000000000006 is missing"),
                                           HasSubstr("a time before 2026-11-20 02:15:00 UTC"))));
}

TEST(PlanTimeTest, TakesTheSendTimesWhereSomeCommitsAreNotKnown) {
  auto repository = some_hours().sent(9, 41);
  repository.facts.commits[{postgres::TimelineId(1), 6}].known = false;
  EXPECT_EQ(wal_of(make_plan(to_minute(40), repository.facts)), "1:3 1:4 1:5 1:6 1:7 1:8 1:9p");
  EXPECT_THAT([&] { make_plan(to_minute(50), repository.facts); },
              ThrowsMessage<Refused>(HasSubstr("came at 2026-11-20 02:41:00 UTC")));
  repository.facts.commits.erase({postgres::TimelineId(1), 6});
  EXPECT_NO_THROW(make_plan(to_minute(40), repository.facts));
}

TEST(PlanTimeTest, CountsOnlyTheFileThatIsReplayedWhereTimelinesMeet) {
  // What timeline 1 committed in segment 6 behind the fork is not of the line.
  auto repository = Repository()
                        .backup(3, 4, 10)
                        .wal(3, 6)
                        .wal(6, 8, 2)
                        .history(2, "1\t0/680000\tx\n")
                        .commits(3, {})
                        .commits(4, {})
                        .commits(5, 15)
                        .commits(6, 30)
                        .commits(6, 16, 2)
                        .commits(7, 40, 2)
                        .commits(8, 50, 2);
  EXPECT_EQ(wal_of(make_plan(to_minute(20), repository.facts)), "1:3 1:4 1:5 1:6 2:6 2:7");
}

TEST(PlanTimeTest, DoesNotTrustTheCommitsOfAFileThatIsCutAtTheFork) {
  auto repository = Repository()
                        .backup(3, 4, 10)
                        .wal(3, 8)
                        .history(2, "1\t0/680000\tx\n")
                        .commits(3, {})
                        .commits(4, {})
                        .commits(5, 15)
                        .commits(6, 30);
  auto on_two = to_minute(20);
  on_two.target.timeline = postgres::TimelineId(2);
  EXPECT_EQ(wal_of(make_plan(on_two, repository.facts)), "1:3 1:4 1:5 1:6");
}

TEST(PlanTimeTest, WritesAMomentToTheMicrosecond) {
  EXPECT_EQ(format_moment(at_minute(5) + std::chrono::microseconds(7)), "2026-11-20 02:05:00.000007 UTC");
}

}  // namespace
}  // namespace pgkeep::recover
