#include "server/schedule/job_plan.h"

#include <gtest/gtest.h>

#include "tests/unit/server/schedule/samples.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using catalog::RunOutcome;
using catalog::RunRecord;

RunRecord run(JobKind kind, const char* started, RunOutcome outcome) {
  RunRecord run;
  run.id = run.kind = to_string(kind);
  run.started = at(started);
  run.outcome = outcome;
  if (outcome != RunOutcome::running) run.ended = run.started + 10min;
  if (outcome == RunOutcome::failed) run.error = "no room";
  return run;
}

/// Backups at 02:00, expiry after each.
class JobPlanTest : public ::testing::Test {
 protected:
  JobPlanTest() {
    schedule_.backup = timing("02:00");
    schedule_.expire = timing("after backup");
  }
  void ran(JobKind kind, const char* started, RunOutcome outcome = RunOutcome::succeeded) {
    runs_.push_back(run(kind, started, outcome));
  }
  std::optional<PlannedJob> planned(JobKind kind, const char* now) const {
    for (auto& job : plan_jobs("main", schedule_, runs_, at(now)))
      if (job.kind == kind) return job;
    return std::nullopt;
  }
  std::string begins(JobKind kind, const char* now) const {
    const auto job = planned(kind, now);
    return job ? io::format_rfc3339(job->begins) : "nothing";
  }
  bool may_begin(JobKind kind, const char* now) const {
    const auto job = planned(kind, now);
    return job && job->may_begin(at(now));
  }

  JobSchedule schedule_;
  std::vector<RunRecord> runs_;
};

TEST_F(JobPlanTest, TakesTheFirstBackupAtOnceAndExpiresNothingBefore) {
  EXPECT_TRUE(may_begin(JobKind::backup, "2026-11-20T15:00:00Z"));
  EXPECT_EQ(begins(JobKind::expire, "2026-11-20T15:00:00Z"), "nothing");
}

TEST_F(JobPlanTest, ExpiresWhenADeletedBackupMayGoThoughNothingElseCallsForIt) {
  schedule_ = {};
  const auto expiry = [&](const char* now) {
    const auto jobs = plan_jobs("main", schedule_, runs_, at(now), at("2026-11-20T12:00:00Z"));
    EXPECT_EQ(jobs.size(), 1u);
    EXPECT_EQ(jobs.at(0).kind, JobKind::expire);
    return io::format_rfc3339(jobs.at(0).due);
  };
  EXPECT_EQ(expiry("2026-11-20T11:00:00Z"), "2026-11-20T12:00:00Z");
  ran(JobKind::expire, "2026-11-20T11:30:00Z");
  EXPECT_EQ(expiry("2026-11-20T15:00:00Z"), "2026-11-20T12:00:00Z");
  ran(JobKind::expire, "2026-11-20T15:00:00Z");
  EXPECT_EQ(expiry("2026-11-20T15:01:00Z"), "2026-11-20T16:00:00Z") << "it is there still";
}

TEST_F(JobPlanTest, VerifiesWhenThereIsABackup) {
  schedule_.verify = timing("Sun 04:00");
  EXPECT_EQ(begins(JobKind::verify, "2026-11-20T15:00:00Z"), "nothing");
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  EXPECT_TRUE(may_begin(JobKind::verify, "2026-11-20T15:00:00Z"));
  ran(JobKind::verify, "2026-11-20T15:00:00Z");
  EXPECT_EQ(begins(JobKind::verify, "2026-11-20T16:00:00Z"), "2026-11-22T04:00:00Z");
  ran(JobKind::verify, "2026-11-22T04:00:00Z", RunOutcome::interrupted);
  EXPECT_TRUE(may_begin(JobKind::verify, "2026-11-22T04:30:00Z"));
}

TEST_F(JobPlanTest, CountsWhatFailedSinceTheLastSuccess) {
  const auto failures = [&] { return failures_of(JobKind::backup, runs_, at("2026-11-20T15:00:00Z")); };
  EXPECT_EQ(failures().count, 0U);
  ran(JobKind::backup, "2026-11-20T05:00:00Z", RunOutcome::failed);
  ran(JobKind::backup, "2026-11-20T04:00:00Z", RunOutcome::failed);
  ran(JobKind::backup, "2026-11-20T03:00:00Z");
  ran(JobKind::backup, "2026-11-20T02:00:00Z", RunOutcome::failed);
  EXPECT_EQ(failures().count, 2U);
  EXPECT_EQ(failures().since, at("2026-11-20T04:00:00Z"));
  EXPECT_EQ(failures().error, "no room");
}

TEST_F(JobPlanTest, ADeletionDoesNotPutOffWhatTheScheduleHas) {
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  for (const auto* deletion : {"2026-11-20T01:00:00Z", "2026-11-25T12:00:00Z"}) {
    const auto jobs = plan_jobs("main", schedule_, runs_, at("2026-11-20T02:10:00Z"), at(deletion));
    EXPECT_TRUE(jobs.at(1).may_begin(at("2026-11-20T02:10:00Z"))) << deletion;
  }
}

TEST_F(JobPlanTest, WaitsForTheNextTimeAfterASuccess) {
  ran(JobKind::backup, "2026-11-20T02:00:01Z");
  EXPECT_EQ(begins(JobKind::backup, "2026-11-20T15:00:00Z"), "2026-11-21T02:00:00Z");
  EXPECT_FALSE(may_begin(JobKind::backup, "2026-11-21T01:59:59Z"));
  EXPECT_TRUE(may_begin(JobKind::backup, "2026-11-21T02:00:00Z"));
}

TEST_F(JobPlanTest, MakesUpForManyMissedTimesWithOneRun) {
  ran(JobKind::backup, "2026-11-10T02:00:01Z");
  const auto job = planned(JobKind::backup, "2026-11-20T15:00:00Z");
  EXPECT_EQ(io::format_rfc3339(job->due), "2026-11-11T02:00:00Z");
  EXPECT_TRUE(job->may_begin(at("2026-11-20T15:00:00Z")));
  ran(JobKind::backup, "2026-11-20T15:00:00Z");
  EXPECT_EQ(begins(JobKind::backup, "2026-11-20T15:10:00Z"), "2026-11-21T02:00:00Z");
}

TEST_F(JobPlanTest, ExpiresOnceAfterEachBackup) {
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  EXPECT_TRUE(may_begin(JobKind::expire, "2026-11-20T02:10:00Z"));
  ran(JobKind::expire, "2026-11-20T02:10:00Z");
  EXPECT_EQ(begins(JobKind::expire, "2026-11-20T15:00:00Z"), "nothing");
  ran(JobKind::backup, "2026-11-21T02:00:00Z");
  EXPECT_TRUE(may_begin(JobKind::expire, "2026-11-21T02:10:00Z"));
}

TEST_F(JobPlanTest, TriesAgainAfterPausesThatGrowToAnHour) {
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  ran(JobKind::backup, "2026-11-21T02:00:00Z", RunOutcome::failed);  // for ten minutes, as all here
  EXPECT_EQ(begins(JobKind::backup, "2026-11-21T02:10:00Z"), "2026-11-21T02:11:00Z");
  ran(JobKind::backup, "2026-11-21T02:11:00Z", RunOutcome::failed);
  EXPECT_EQ(begins(JobKind::backup, "2026-11-21T02:21:00Z"), "2026-11-21T02:23:00Z");
  for (int i = 0; i < 20; ++i) ran(JobKind::backup, "2026-11-21T03:00:00Z", RunOutcome::failed);
  EXPECT_EQ(begins(JobKind::backup, "2026-11-21T03:10:00Z"), "2026-11-21T04:10:00Z");
  EXPECT_EQ(planned(JobKind::backup, "2026-11-21T03:10:00Z")->failures, 22U);
  EXPECT_EQ(planned(JobKind::backup, "2026-11-21T03:10:00Z")->error, "no room");
}

TEST_F(JobPlanTest, GoesOnAtOnceAfterAnInterruption) {
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  ran(JobKind::backup, "2026-11-21T02:00:00Z", RunOutcome::interrupted);
  EXPECT_TRUE(may_begin(JobKind::backup, "2026-11-21T02:05:00Z"));
}

TEST_F(JobPlanTest, BeginsNothingBesideARunOfItsKind) {
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  ran(JobKind::backup, "2026-11-21T02:00:00Z", RunOutcome::running);
  EXPECT_FALSE(may_begin(JobKind::backup, "2026-11-21T02:05:00Z"));
  EXPECT_EQ(planned(JobKind::backup, "2026-11-21T02:05:00Z")->running_since, at("2026-11-21T02:00:00Z"));
}

TEST_F(JobPlanTest, LetsNoRunWithoutAnEndHoldUpOthersOnceALaterOneSucceeded) {
  ran(JobKind::backup, "2026-11-19T02:00:00Z", RunOutcome::running);
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  EXPECT_TRUE(may_begin(JobKind::backup, "2026-11-21T02:05:00Z"));
}

TEST_F(JobPlanTest, BeginsNothingInAWindow) {
  schedule_.never = {window("01:00-06:00"), window("06:00-07:30 Sat")};
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  // 21 November 2026 is a Saturday: the second window follows the first.
  EXPECT_EQ(begins(JobKind::backup, "2026-11-20T15:00:00Z"), "2026-11-21T07:30:00Z");
  EXPECT_FALSE(may_begin(JobKind::backup, "2026-11-21T07:29:59Z"));
  EXPECT_TRUE(may_begin(JobKind::backup, "2026-11-21T07:30:00Z"));
  EXPECT_EQ(begins(JobKind::backup, "2026-11-22T03:00:00Z"), "2026-11-22T06:00:00Z");
}

TEST_F(JobPlanTest, LetsNoRunCountThatIsStillToCome) {
  ran(JobKind::backup, "2027-11-20T02:00:00Z");  // the clock was a year ahead
  EXPECT_TRUE(may_begin(JobKind::backup, "2026-11-20T15:00:00Z"));
}

TEST_F(JobPlanTest, PlansNothingWithoutASchedule) {
  schedule_ = {};
  ran(JobKind::backup, "2026-11-20T02:00:00Z");
  EXPECT_TRUE(plan_jobs("main", schedule_, runs_, at("2026-11-21T02:00:00Z")).empty());
}

TEST(SpreadOffsetTest, IsTheSameForANameAndSpreadOverTheWhole) {
  EXPECT_EQ(spread_offset("main", 0s), 0s);
  EXPECT_EQ(spread_offset("main", 2h), spread_offset("main", 2h));
  std::array<int, 4> quarters{};
  for (int i = 0; i < 400; ++i) {
    const auto offset = spread_offset("server" + std::to_string(i), 2h);
    ASSERT_GE(offset, 0s);
    ASSERT_LT(offset, 2h);
    ++quarters.at(static_cast<std::size_t>(offset / 30min));
  }
  for (const auto count : quarters) EXPECT_GT(count, 60);
}

}  // namespace
}  // namespace pgkeep::server
