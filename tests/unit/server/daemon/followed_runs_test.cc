#include "server/daemon/followed_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/store/repository.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using catalog::RunOutcome;
using catalog::RunRecord;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

class FollowedRunsTest : public ::testing::Test {
 protected:
  FollowedRunsTest() { layout_.make(); }
  RunRecord ran(const char* kind, const char* started, RunOutcome outcome) {
    auto run = journal_.begin(kind, "", io::parse_rfc3339(started).value());
    journal_.end(run, outcome, "", "");
    return run;
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_ = store::Repository::open_or_create(directory_ / "repository").server("main");
  catalog::RunJournal journal_{layout_};
  FollowedRuns runs_{layout_};
};

TEST_F(FollowedRunsTest, AreNoneWithoutAJournal) {
  EXPECT_THAT(runs_.read(), IsEmpty());
}

TEST_F(FollowedRunsTest, TellWhatWasAddedAndHowItEnded) {
  auto run = journal_.begin("backup", "");
  EXPECT_THAT(runs_.read(), ElementsAre(Field(&RunRecord::outcome, RunOutcome::running)));
  journal_.end(run, RunOutcome::failed, "no room", "");
  EXPECT_THAT(runs_.read(), ElementsAre(Field(&RunRecord::error, "no room")));
}

TEST_F(FollowedRunsTest, PassOverWhatNoScheduleRuns) {
  ran("verify-backup", "2026-11-20T02:00:00Z", RunOutcome::succeeded);
  EXPECT_THAT(runs_.read(), IsEmpty());
}

TEST_F(FollowedRunsTest, ForgetWhatANewerSuccessHasMadePointless) {
  ran("backup", "2026-11-19T02:00:00Z", RunOutcome::succeeded);
  ran("backup", "2026-11-20T02:00:00Z", RunOutcome::failed);
  const auto expiry = ran("expire", "2026-11-19T03:00:00Z", RunOutcome::succeeded);
  const auto newest = ran("backup", "2026-11-20T03:00:00Z", RunOutcome::succeeded);
  const auto failed = ran("backup", "2026-11-21T02:00:00Z", RunOutcome::failed);
  EXPECT_THAT(runs_.read(), ElementsAre(expiry, newest, failed));
}

TEST_F(FollowedRunsTest, KeepWhatDecidesBesideARunOfAClockThatWasAhead) {
  const auto newest = ran("backup", "2026-11-20T03:00:00Z", RunOutcome::succeeded);
  const auto ahead = ran("backup", "2199-01-01T00:00:00Z", RunOutcome::succeeded);
  EXPECT_THAT(runs_.read(), ElementsAre(newest, ahead));
}

TEST_F(FollowedRunsTest, BeginAgainWhenTheJournalIsAnother) {
  ran("backup", "2026-11-20T02:00:00Z", RunOutcome::succeeded);
  ran("backup", "2026-11-21T02:00:00Z", RunOutcome::succeeded);
  runs_.read();
  io::write_file_durably(layout_.run_journal(), {});
  const auto only = ran("expire", "2026-11-22T02:00:00Z", RunOutcome::succeeded);
  EXPECT_THAT(runs_.read(), ElementsAre(only));
}

}  // namespace
}  // namespace pgkeep::server
