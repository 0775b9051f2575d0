#include <gmock/gmock.h>

#include "catalog/records/run_journal.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Of `main` one backup succeeded, 20 hours ago, and the one of today failed.
class JobCommandsTest : public CommandTest {
 protected:
  JobCommandsTest() {
    configure(R"(
  main:
    conninfo: host=nowhere
    schedule: {backup: every 19h, expire: after backup}
  spare:
    conninfo: host=elsewhere
)");
    ran("backup", std::chrono::hours(20), catalog::RunOutcome::succeeded, "");
    failed_ = ran("backup", std::chrono::minutes(1), catalog::RunOutcome::failed, "no room on the disk");
  }
  std::string ran(const char* kind, std::chrono::seconds ago, catalog::RunOutcome outcome,
                  const char* error) {
    catalog::RunJournal journal(layout_);
    auto run = journal.begin(kind, "", io::now() - ago);
    run.messages = {{io::now(), true, "the disk is slow"}};
    journal.end(run, outcome, error, R"({"files":7})");
    return run.id;
  }

  std::string failed_;
};

TEST_F(JobCommandsTest, ListWhatIsScheduledWithWhatIsLate) {
  const auto said = run_line({"list-jobs"});
  EXPECT_EQ(said.exit, Exit::ok) << said.talk;
  EXPECT_THAT(said.results,
              AllOf(HasSubstr("every 19h"), HasSubstr("after backup"), HasSubstr("failed"),
                    HasSubstr("1 attempt failed"), HasSubstr("due since"), Not(HasSubstr("spare"))));
}

TEST_F(JobCommandsTest, SayThatNoServerHasASchedule) {
  EXPECT_THAT(run_line({"list-jobs", "spare"}).results, HasSubstr("no server has a schedule"));
}

TEST_F(JobCommandsTest, TellWhenADeletedBackupGoesOfAServerWithoutASchedule) {
  configure("  main:\n    conninfo: host=nowhere\n    retention: {grace: 0}\n");
  store_a_little();
  commit_backup("20261121T020000Z", 0x600028, 0x680000);
  run_line({"delete", "main", "oldest"});
  EXPECT_THAT(run_line({"list-jobs"}).results,
              AllOf(HasSubstr("expire"), HasSubstr("what was deleted goes")));
  EXPECT_THAT(run_line({"cron", "--dry-run"}).results, HasSubstr("main: expire is due"));
  EXPECT_EQ(run_line({"cron"}).exit, Exit::ok);
  EXPECT_EQ(document({"list-backups", "main"})["data"].size(), 1u);
  EXPECT_THAT(run_line({"list-jobs"}).results, HasSubstr("no server has a schedule"));
}

TEST_F(JobCommandsTest, LeaveADeletedBackupToWhoCallsExpireWhereThereIsAPolicy) {
  configure("  main:\n    conninfo: host=nowhere\n    retention: {redundancy: 5, grace: 0}\n");
  store_a_little();
  commit_backup("20261121T020000Z", 0x600028, 0x680000);
  run_line({"delete", "main", "oldest"});
  EXPECT_THAT(run_line({"cron", "--dry-run"}).results, Not(HasSubstr("expire")));
}

TEST_F(JobCommandsTest, ListTheNewestRuns) {
  const auto said = run_line({"list-jobs", "main", "--runs", "1"});
  EXPECT_THAT(said.results, AllOf(HasSubstr(failed_), HasSubstr("no room on the disk")));
  EXPECT_THAT(said.results, Not(HasSubstr("succeeded")));
}

TEST_F(JobCommandsTest, ShowARunByTheBeginningOfItsName) {
  const auto said = run_line({"show-job", "main", failed_});
  EXPECT_THAT(said.results, AllOf(HasSubstr("no room on the disk"), HasSubstr("files"), HasSubstr("7")));
  EXPECT_THAT(said.results, HasSubstr("warning: the disk is slow"));
  const auto messages = document({"show-job", "main", failed_})["data"]["messages"];
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0]["level"], "warning");
  EXPECT_EQ(messages[0]["text"], "the disk is slow");
  const auto several = run_line({"show-job", "main", "backup-"});
  EXPECT_EQ(several.exit, Exit::usage);
  EXPECT_THAT(several.talk, HasSubstr("the beginning of several runs"));
  EXPECT_EQ(run_line({"show-job", "main", "expire-"}).exit, Exit::not_found);
}

TEST_F(JobCommandsTest, SayOfCronWhatItWouldDo) {
  const auto said = run_line({"cron", "--dry-run"});
  EXPECT_EQ(said.exit, Exit::ok) << said.talk;
  EXPECT_THAT(said.results, HasSubstr("main: expire is due since"));
  EXPECT_THAT(said.results, Not(HasSubstr("main: backup"))) << "it has just failed";
}

TEST_F(JobCommandsTest, RefuseToRunAJobThatThereIsNot) {
  const auto said = run_line({"run-job", "main", "vacuum"});
  EXPECT_EQ(said.exit, Exit::usage);
  EXPECT_THAT(said.talk, HasSubstr("backup, expire or verify is expected, not 'vacuum'"));
}

}  // namespace
}  // namespace pgkeep::server
