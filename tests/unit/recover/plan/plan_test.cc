#include "recover/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/plan_fixture.h"

namespace pgkeep::recover {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::ThrowsMessage;

RecoveryTarget to_time(int minute) {
  return {.where = TargetTime{.time = at_minute(minute), .text = "", .zone_assumed = false}};
}
RecoveryTarget to_lsn(std::string_view text) {
  return {.where = TargetLsn{lsn(text)}};
}
RecoveryTarget to_name() {
  return {.where = TargetName{"before_release"}};
}
RecoveryTarget on_timeline(std::uint32_t timeline) {
  return {.where = EndOfWal{}, .timeline = postgres::TimelineId(timeline)};
}
RecoveryRequest with_backup(int minute, const RecoveryTarget& target) {
  auto result = request(target);
  result.backup = id_of(minute);
  return result;
}

// The plain case: two backups, WAL from segment 3 to the middle of 12.
Repository two_backups() {
  Repository repository;
  repository.backup(3, 4, 10).backup(8, 9, 30).wal(3, 11).partial(12, "0/C80000");
  return repository;
}

TEST(PlanTest, TakesTheNewestBackupForTheEndOfWal) {
  const auto plan = make_plan(request(), two_backups().facts);
  EXPECT_EQ(plan.backup.id, id_of(30));
  EXPECT_EQ(wal_of(plan), "1:8 1:9 1:10 1:11 1:12p");
  EXPECT_EQ(plan.wal_end.lsn, lsn("0/C80000"));
  EXPECT_EQ(plan.timeline, postgres::TimelineId(1));
  EXPECT_EQ(plan.wal_bytes, 5u << 20);
}

TEST(PlanTest, TakesTheNewestBackupThatEndedBeforeTheTarget) {
  struct Row {
    RecoveryTarget target;
    int backup;
  };
  const Row rows[] = {
      {to_time(29), 10},
      {to_time(30), 30},
      {to_lsn("0/97FFFF"), 10},
      {to_lsn("0/980000"), 30},
      {to_name(), 30},
      {{.where = TargetXid{"731"}}, 30},
      {{.where = Immediate{}}, 30},
  };
  for (const auto& row : rows)
    EXPECT_EQ(make_plan(request(row.target), two_backups().facts).backup.id, id_of(row.backup))
        << row.target.describe();
}

TEST(PlanTest, RefusesATargetBeforeEveryBackup) {
  EXPECT_THAT([] { make_plan(request(to_time(5)), two_backups().facts); },
              ThrowsMessage<Refused>(AllOf(HasSubstr(id_of(10).to_string()), HasSubstr("after the target"))));
  EXPECT_THROW(make_plan(request(to_lsn("0/400000")), two_backups().facts), Refused);
}

TEST(PlanTest, HonoursAnExplicitBackup) {
  EXPECT_EQ(make_plan(with_backup(10, {}), two_backups().facts).backup.id, id_of(10));
}

TEST(PlanTest, RefusesAnExplicitBackupThatEndedTooLateAndNamesTheOneThatWorks) {
  EXPECT_THAT([] { make_plan(with_backup(30, to_time(20)), two_backups().facts); },
              ThrowsMessage<Refused>(AllOf(HasSubstr(id_of(30).to_string()),
                                           HasSubstr("newest that can is " + id_of(10).to_string()))));
}

TEST(PlanTest, DoesNotFindWhatIsNotThere) {
  EXPECT_THROW(make_plan(request(), RecoveryFacts{}), NotFound);
  EXPECT_THAT([] { make_plan(with_backup(11, {}), two_backups().facts); },
              ThrowsMessage<NotFound>(HasSubstr("the newest is " + id_of(30).to_string())));
}

TEST(PlanTest, LaysDownAllThatConsistencyTakesForAnImmediateTarget) {
  EXPECT_EQ(wal_of(make_plan(request({.where = Immediate{}}), two_backups().facts)), "1:8 1:9");
}

TEST(PlanTest, PassesByANewerBackupThatAGapMakesUseless) {
  Repository repository;
  // Segment 9 is missing: the newer backup is not consistent without it, and the target lies before it.
  repository.backup(3, 4, 10).backup(8, 9, 30).wal(3, 8).wal(10, 11);
  const auto plan = make_plan(request({.where = Immediate{}}), repository.facts);
  EXPECT_EQ(plan.backup.id, id_of(10));
  EXPECT_THAT(plan.remarks, Contains(AllOf(HasSubstr("passed by: backup " + id_of(30).to_string()),
                                           HasSubstr("segment 000000010000000000000009 is missing"))));
  auto named = request({.where = Immediate{}});
  named.backup = id_of(30);
  EXPECT_THROW(make_plan(named, repository.facts), Refused);
}

TEST(PlanTest, SaysThatWalWasLetGoWhichABackupThatIsConsistentOnlyHasNot) {
  Repository repository;
  repository.backup(3, 4, 10).backup(8, 9, 30).wal(3, 4).wal(8, 11);
  repository.facts.removed = {{postgres::TimelineId(1), lsn("0/500000"), lsn("0/800000")}};
  for (const auto& target : {RecoveryTarget{.where = EndOfWal{}}, to_lsn("0/650000")})
    EXPECT_THAT([&] { make_plan(with_backup(10, target), repository.facts); },
                ThrowsMessage<Refused>(AllOf(HasSubstr("cannot be reached any more"),
                                             HasSubstr("let go by the retention policy"),
                                             HasSubstr("--target-immediate"), Not(HasSubstr("missing")))));
  EXPECT_EQ(wal_of(make_plan(with_backup(10, {.where = Immediate{}}), repository.facts)), "1:3 1:4");
  EXPECT_EQ(make_plan(request(), repository.facts).backup.id, id_of(30));
  auto on_demand = with_backup(10, {.where = Immediate{}});
  on_demand.wal_mode = WalMode::get_wal;
  EXPECT_THAT([&] { make_plan(on_demand, repository.facts); },
              ThrowsMessage<Refused>(HasSubstr("Recover without --get-wal")));
}

TEST(PlanTest, SaysThatWalOfATimelineThatWasLeftWasLetGo) {
  Repository repository;
  repository.backup(3, 4, 10).wal(3, 4).history(2, "1\t0/4C0000\tpromoted\n").wal(4, 11, 2);
  repository.facts.removed = {{postgres::TimelineId(1), lsn("0/500000"), lsn("0/A00000")}};
  EXPECT_THAT([&] { make_plan(with_backup(10, on_timeline(1)), repository.facts); },
              ThrowsMessage<Refused>(HasSubstr("let go by the retention policy")));
  EXPECT_EQ(make_plan(with_backup(10, on_timeline(2)), repository.facts).wal_end.lsn, lsn("0/C00000"));
}

TEST(PlanTest, TellsOfTheNewestBackupWhenNoneHasAWay) {
  Repository repository;
  repository.backup(3, 4, 10).backup(8, 9, 30).wal(3, 3).wal(8, 8).wal(10, 11);
  EXPECT_THAT([&] { make_plan(request(), repository.facts); },
              ThrowsMessage<Refused>(HasSubstr(id_of(30).to_string())));
}

TEST(PlanTest, IsNotConcernedByADamagedHistoryOfAnotherTimeline) {
  auto repository = two_backups();
  repository.damaged_history(7, "00000007.history: is damaged");
  const auto plan = make_plan(request(), repository.facts);
  EXPECT_EQ(plan.timeline, postgres::TimelineId(1));
  // The number stays taken: PostgreSQL must not begin a second timeline 7.
  EXPECT_THAT(plan.histories, Contains(postgres::TimelineId(7)));
  EXPECT_THAT(plan.remarks, Contains(HasSubstr("00000007.history: is damaged")));
  EXPECT_THAT([&] { make_plan(request(on_timeline(7)), repository.facts); },
              ThrowsMessage<Refused>(HasSubstr("00000007.history: is damaged")));
}

TEST(PlanTest, TellsOfATimelineOfWhichNothingIsHeld) {
  auto repository = two_backups();
  repository.history(2, "1\t0/B80000\tpromoted\n");
  const auto plan = make_plan(request(), repository.facts);
  EXPECT_EQ(plan.timeline, postgres::TimelineId(1));
  EXPECT_THAT(plan.remarks, Contains(AllOf(HasSubstr("also timeline 2, which left timeline 1 at 0/B80000"),
                                           HasSubstr("--target-tli 2 recovers up to there"),
                                           HasSubstr("no WAL of that timeline is held"))));
}

/// No replay passes the middle of segment 10.
Repository with_barrier() {
  auto repository = two_backups();
  repository.facts.barriers.push_back({{postgres::TimelineId(1), lsn("0/A80000")}, "it is damaged there"});
  return repository;
}

TEST(PlanTest, RefusesWhatLiesPastWalThatNoReplayPasses) {
  for (const auto& target : {RecoveryTarget{}, to_lsn("0/A80000"), to_name()}) {
    EXPECT_THAT([&] { make_plan(with_backup(10, target), with_barrier().facts); },
                ThrowsMessage<Refused>(AllOf(HasSubstr("it is damaged there"), HasSubstr("0/A80000"))))
        << target.describe();
  }
}

TEST(PlanTest, ReachesWhatLiesBeforeWalThatNoReplayPasses) {
  EXPECT_EQ(make_plan(with_backup(10, to_lsn("0/A7FFF8")), with_barrier().facts).wal_end.lsn,
            lsn("0/A80000"));
  EXPECT_NO_THROW(make_plan(with_backup(10, {.where = Immediate{}}), with_barrier().facts));
}

TEST(PlanTest, IsNotConcernedByWhatNoReplayPassesBeforeTheBackup) {
  auto repository = two_backups();
  repository.facts.barriers.push_back({{postgres::TimelineId(1), lsn("0/37FFF8")}, "it is damaged there"});
  EXPECT_NO_THROW(make_plan(with_backup(10, {}), repository.facts));
}

// What timeline 1 wrote there is of no concern: timeline 2 left it before that byte.
TEST(PlanTest, IsNotConcernedByWhatNoReplayPassesFromWhereTheLineLeftItsTimeline) {
  Repository repository;
  repository.backup(3, 4, 10).wal(3, 5).partial(6, "0/6C0000").wal(6, 8, 2);
  repository.history(2, "1\t0/680000\tno recovery target specified\n");
  repository.facts.barriers.push_back({{postgres::TimelineId(1), lsn("0/680000")}, "it is damaged there"});
  EXPECT_EQ(make_plan(request(), repository.facts).wal_end.lsn, lsn("0/900000"));
}

TEST(PlanTest, LaysDownWalBehindAnLsnForTheRecordThatStartsThere) {
  Repository repository;
  repository.backup(3, 4, 10).wal(3, 60);
  // 16 MiB: more than any record in practice.
  EXPECT_EQ(make_plan(request(to_lsn("0/580000")), repository.facts).wal.back().segment.number, 5u + 16u);
}

TEST(PlanTest, RefusesAnLsnAtWhichNoRecordStarts) {
  EXPECT_THAT([] { make_plan(request(to_lsn("0/C80000")), two_backups().facts); },
              ThrowsMessage<Refused>(HasSubstr("ends at 0/C80000")));
  EXPECT_NO_THROW(make_plan(request(to_lsn("0/C7FFF8")), two_backups().facts));
}

TEST(PlanTest, LaysDownEverythingForATimeWhenTheCommitsAreNotKnown) {
  EXPECT_EQ(wal_of(make_plan(request(to_time(20)), two_backups().facts)),
            "1:3 1:4 1:5 1:6 1:7 1:8 1:9 1:10 1:11 1:12p");
}

TEST(PlanTest, SaysThatATimeMayLieBehindAHole) {
  const auto facts = Repository().backup(3, 4, 10).wal(3, 5).wal(7, 9).sent(9, 40).facts;
  const auto plan = make_plan(request(to_time(20)), facts);
  EXPECT_EQ(wal_of(plan), "1:3 1:4 1:5");
  EXPECT_THAT(plan.remarks, Contains(AllOf(HasSubstr("000000010000000000000006 is missing"),
                                           HasSubstr("before the target was reached"))));
}

TEST(PlanTest, RefusesATimePastTheLastWal) {
  auto repository = Repository().backup(3, 4, 10).wal(3, 6).sent(6, 21);
  EXPECT_THAT([&] { make_plan(request(to_time(30)), repository.facts); },
              ThrowsMessage<Refused>(HasSubstr("came at 2026-11-20 02:21:00 UTC")));
  EXPECT_NO_THROW(make_plan(request(to_time(21)), repository.facts));
}

TEST(PlanTest, RefusesAHoleBeforeTheConsistencyPoint) {
  const auto facts = Repository().backup(3, 6, 10).wal(3, 4).wal(6, 9).facts;
  for (const auto& target : {RecoveryTarget{}, RecoveryTarget{.where = Immediate{}}, to_lsn("0/700000")}) {
    EXPECT_THAT(
        [&] { make_plan(request(target), facts); },
        ThrowsMessage<Refused>(AllOf(HasSubstr("consistent"), HasSubstr("000000010000000000000005"))));
  }
}

TEST(PlanTest, RefusesAHoleBeforeTheTarget) {
  const auto facts = Repository().backup(3, 4, 10).wal(3, 5).wal(7, 9).facts;
  for (const auto& target : {RecoveryTarget{}, to_name(), to_lsn("0/700000")}) {
    EXPECT_THAT([&] { make_plan(request(target), facts); },
                ThrowsMessage<Refused>(
                    AllOf(HasSubstr("000000010000000000000006 is missing"), HasSubstr("0/600000"))));
  }
}

TEST(PlanTest, RefusesLostWalAfterWhichNothingCameYet) {
  auto repository = Repository().backup(3, 4, 10).wal(3, 5).partial(6, "0/640000");
  repository.facts.lost.push_back({postgres::TimelineId(1), lsn("0/640000"), lsn("0/900000")});
  EXPECT_THAT([&] { make_plan(request(), repository.facts); },
              ThrowsMessage<Refused>(
                  AllOf(HasSubstr("000000010000000000000006 is incomplete"), HasSubstr("0/640000"))));
  repository.facts.backups.clear();
  repository.backup(9, 9, 20).wal(9, 9);
  EXPECT_NO_THROW(make_plan(request(), repository.facts));
}

TEST(PlanTest, PassesLostWalThatIsNotOfTheLine) {
  auto repository = Repository().backup(3, 4, 10).wal(3, 5).history(2, "1\t0/600000\tx\n").wal(6, 6, 2);
  repository.facts.lost.push_back({postgres::TimelineId(1), lsn("0/640000"), lsn("0/900000")});
  EXPECT_NO_THROW(make_plan(request(), repository.facts));
}

TEST(PlanTest, SaysWhenASegmentIsThereButIncomplete) {
  const auto facts = Repository().backup(3, 4, 10).wal(3, 5).partial(6, "0/640000").wal(7, 9).facts;
  EXPECT_THAT([&] { make_plan(request(), facts); },
              ThrowsMessage<Refused>(
                  AllOf(HasSubstr("000000010000000000000006 is incomplete"), HasSubstr("0/640000"))));
}

TEST(PlanTest, GoesOnBehindAWholePartial) {
  const auto facts =
      Repository().backup(3, 4, 10).wal(3, 5).partial(6, "0/700000").partial(7, "0/710000").facts;
  const auto plan = make_plan(request(), facts);
  EXPECT_EQ(wal_of(plan), "1:3 1:4 1:5 1:6p 1:7p");
  EXPECT_EQ(plan.wal_end.lsn, lsn("0/710000"));
}

TEST(PlanTest, ReachesATargetBeforeAHole) {
  const auto facts = Repository().backup(3, 4, 10).wal(3, 5).wal(7, 9).facts;
  const auto plan = make_plan(request(to_lsn("0/5FFFFF")), facts);
  EXPECT_EQ(wal_of(plan), "1:3 1:4 1:5");
  EXPECT_THAT(plan.remarks, Contains(HasSubstr("000000010000000000000006 is missing")));
}

TEST(PlanTest, NamesTheBackupBehindAHole) {
  const auto facts = Repository().backup(3, 4, 10).backup(7, 8, 30).wal(3, 5).wal(7, 9).facts;
  EXPECT_THAT([&] { make_plan(with_backup(10, {}), facts); },
              ThrowsMessage<Refused>(HasSubstr(id_of(30).to_string())));
  EXPECT_EQ(make_plan(request(), facts).backup.id, id_of(30));
}

TEST(PlanTest, RefusesABackupWhoseWalIsNotThere) {
  EXPECT_THAT([] { make_plan(request(), Repository().backup(3, 4, 10).facts); },
              ThrowsMessage<Refused>(HasSubstr("000000010000000000000003")));
}

TEST(PlanTest, IgnoresAPartialInWhichNothingWasReceived) {
  const auto plan =
      make_plan(request(), Repository().backup(3, 4, 10).wal(3, 5).partial(6, "0/600000").facts);
  EXPECT_EQ(wal_of(plan), "1:3 1:4 1:5");
}

// Timeline 2 left timeline 1 in the middle of segment 6, and 3 left 1 (an older attempt) in segment 5.
Repository promoted() {
  Repository repository;
  repository.backup(3, 4, 10)
      .wal(3, 5)
      .partial(6, "0/680000")
      .wal(6, 8, 2)
      .partial(9, "0/940000", 2)
      .history(2, "1\t0/680000\tno recovery target specified\n");
  return repository;
}

TEST(PlanTest, FollowsTheNewestTimelineThoughTheOneItLeftHasMoreWal) {
  // The old primary went on alone for a while; the standby that was promoted was behind it.
  const auto facts = Repository()
                         .backup(3, 4, 10)
                         .wal(3, 20)
                         .wal(6, 7, 2)
                         .partial(8, "0/840000", 2)
                         .history(2, "1\t0/680000\tno recovery target specified\n")
                         .facts;
  const auto latest = make_plan(request(), facts);
  EXPECT_EQ(latest.timeline, postgres::TimelineId(2));
  EXPECT_EQ(latest.wal_end, (postgres::WalPosition{postgres::TimelineId(2), lsn("0/840000")}));
  EXPECT_EQ(wal_of(latest), "1:3 1:4 1:5 1:6 2:6 2:7 2:8p");
  EXPECT_THAT(latest.remarks, Contains(AllOf(HasSubstr("timeline 1 was left at 0/680000"),
                                             HasSubstr("up to segment 000000010000000000000014"),
                                             HasSubstr("--target-tli 1"))));
  const auto rest = make_plan(request(on_timeline(1)), facts);
  EXPECT_EQ(rest.wal.size(), 18u);
  EXPECT_EQ(rest.wal_end.lsn, lsn("0/1500000"));
}

// What lies between is held in timeline 2's file alone, and PostgreSQL would end before the restore point.
TEST(PlanTest, RefusesToFollowAParentToItsEndWhereItsWalIsMissing) {
  const auto facts = Repository()
                         .backup(3, 4, 10)
                         .wal(3, 4)
                         .wal(6, 8, 2)
                         .history(2, "1\t0/680000\tno recovery target specified\n")
                         .facts;
  const RecoveryTarget target{.where = TargetName{"before"}, .timeline = postgres::TimelineId(1)};
  EXPECT_THAT([&] { make_plan(request(target), facts); },
              ThrowsMessage<Refused>(HasSubstr("WAL segment 000000010000000000000005 is missing")));
  EXPECT_NO_THROW(make_plan(request({.where = Immediate{}, .timeline = postgres::TimelineId(1)}), facts));
}

TEST(PlanTest, RefusesNothingOfAParentForWhatAPushedHistoryClaims) {
  const auto facts = Repository().backup(3, 4, 10).wal(3, 5).history(2, "1\t0/980000\tpushed\n").facts;
  EXPECT_EQ(make_plan(request(), facts).timeline, postgres::TimelineId(1));
}

TEST(PlanTest, SaysThatWhatIsMissingWasPushedAndWaits) {
  auto repository = Repository().backup(3, 4, 10).wal(3, 4).wal(6, 7);
  repository.facts.waiting = {{postgres::TimelineId(1), 5}};
  EXPECT_THAT([&] { make_plan(request(), repository.facts); },
              ThrowsMessage<Refused>(HasSubstr("is missing (one that was pushed waits: `pgkeep adopt-wal`")));
}

TEST(PlanTest, RemarksThatPushedWalWaitsAfterItsEnd) {
  auto repository = Repository().backup(3, 4, 10).wal(3, 5);
  repository.facts.waiting = {{postgres::TimelineId(1), 2}, {postgres::TimelineId(2), 6}};
  EXPECT_THAT(make_plan(request(), repository.facts).remarks, IsEmpty());
  repository.facts.waiting.push_back({postgres::TimelineId(1), 6});
  const auto plan = make_plan(request(), repository.facts);
  EXPECT_EQ(wal_of(plan), "1:3 1:4 1:5");
  EXPECT_THAT(plan.remarks, ElementsAre(HasSubstr("from segment 000000010000000000000006 on")));
}

TEST(PlanTest, FollowsTheTimelineOfTheNewestWal) {
  const auto plan = make_plan(request(), promoted().facts);
  EXPECT_EQ(plan.timeline, postgres::TimelineId(2));
  EXPECT_EQ(plan.wal_end, (postgres::WalPosition{postgres::TimelineId(2), lsn("0/940000")}));
  // Both files of the segment with the fork.
  EXPECT_EQ(wal_of(plan), "1:3 1:4 1:5 1:6p 2:6 2:7 2:8 2:9p");
}

TEST(PlanTest, FollowsAnotherTimelineWhenTold) {
  const auto plan = make_plan(request(on_timeline(1)), promoted().facts);
  EXPECT_EQ(wal_of(plan), "1:3 1:4 1:5 1:6p");
  EXPECT_THAT(plan.remarks, Contains(HasSubstr("--target-tli 2")));
}

TEST(PlanTest, LaysDownAllKnownHistories) {
  const auto facts = promoted().history(3, "1\t0/580000\tfailed attempt\n").facts;
  EXPECT_THAT(make_plan(request(), facts).histories,
              ElementsAre(postgres::TimelineId(2), postgres::TimelineId(3)));
}

TEST(PlanTest, DoesNotLetANewerFileWithFewerBytesHideAnOlderOne) {
  // The standby was promoted, and of its first segment less has arrived than of the same one before.
  Repository repository;
  repository.backup(3, 4, 10)
      .wal(3, 5)
      .partial(6, "0/680000")
      .partial(6, "0/610000", 2)
      .history(2, "1\t0/680000\tx\n");
  const auto plan = make_plan(request(), repository.facts);
  EXPECT_EQ(wal_of(plan), "1:3 1:4 1:5 1:6p");
  EXPECT_EQ(plan.wal_end.lsn, lsn("0/680000"));
}

TEST(PlanTest, CutsAnOlderTimelinesFileAtTheForkWhenNoNewerOneIsLaidDown) {
  // The old primary went on alone; of timeline 2 nothing has arrived.
  auto facts = Repository().backup(3, 4, 10).wal(3, 8).history(2, "1\t0/680000\tx\n").facts;
  const auto cut = make_plan(request(on_timeline(2)), facts);
  EXPECT_EQ(wal_of(cut), "1:3 1:4 1:5 1:6");
  EXPECT_EQ(cut.wal.back().fork, lsn("0/680000"));
  EXPECT_EQ(make_plan(request(on_timeline(1)), facts).wal.back().fork, std::nullopt);
  for (const auto& file : make_plan(request(), promoted().facts).wal) EXPECT_EQ(file.fork, std::nullopt);
}

TEST(PlanTest, RefusesABackupFromBehindTheFork) {
  auto repository = promoted();
  repository.backup(7, 8, 40).wal(6, 9);  // the old primary went on alone
  EXPECT_EQ(make_plan(request(on_timeline(2)), repository.facts).backup.id, id_of(10));
  EXPECT_THAT([&] { make_plan(with_backup(40, on_timeline(2)), repository.facts); },
              ThrowsMessage<Refused>(
                  AllOf(HasSubstr("timeline 1 after 0/680000"), HasSubstr(id_of(10).to_string()))));
}

TEST(PlanTest, RefusesABackupOfAnotherBranch) {
  auto repository = promoted();
  repository.backup(7, 8, 40, 2);
  EXPECT_THAT([&] { make_plan(with_backup(40, on_timeline(1)), repository.facts); },
              ThrowsMessage<Refused>(HasSubstr("no ancestor of timeline 1")));
}

TEST(PlanTest, RefusesATimelineWithoutItsHistory) {
  EXPECT_THAT([] { make_plan(request(on_timeline(7)), promoted().facts); },
              ThrowsMessage<Refused>(AllOf(HasSubstr("00000007.history"), HasSubstr("(1, 2)"))));
}

TEST(PlanTest, LaysNoWalDownWhenItWillBeFetched) {
  auto fetched = request();
  fetched.wal_mode = WalMode::get_wal;
  EXPECT_THAT(make_plan(fetched, two_backups().facts).wal, IsEmpty());
}

TEST(PlanTest, SaysWhenTheBackupHasDamagedPages) {
  auto facts = two_backups().facts;
  facts.backups.back().checksum_failures = 3;
  EXPECT_THAT(make_plan(request(), facts).remarks, Contains(HasSubstr("3 damaged data pages")));
}

TEST(PlanTest, DescribesWhatWillBeDone) {
  EXPECT_THAT(
      make_plan(request(), two_backups().facts).describe(),
      AllOf(HasSubstr("recover main to /restored/main (this host)"), HasSubstr(id_of(30).to_string()),
            HasSubstr("end of WAL"), HasSubstr("000000010000000000000008 to 00000001000000000000000C")));
}

TEST(PlanTest, CountsInPlainWords) {
  auto facts = Repository().backup(3, 3, 10).wal(3, 3).facts;
  facts.backups.back().file_count = 1;
  EXPECT_THAT(make_plan(request(), facts).describe(), AllOf(HasSubstr("in 1 file,"), HasSubstr("1 file (")));
}

}  // namespace
}  // namespace pgkeep::recover
