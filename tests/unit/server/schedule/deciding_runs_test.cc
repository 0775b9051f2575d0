#include "server/schedule/deciding_runs.h"

#include <chrono>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/records/run_line.h"
#include "server/schedule/job_plan.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using catalog::RunOutcome;
using testing::UnorderedElementsAre;

constexpr io::TimePoint kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 20}};

class DecidingRunsTest : public testing::Test {
 protected:
  void ran(const std::string& kind, const std::string& subject, std::chrono::hours ago, RunOutcome outcome) {
    catalog::RunRecord run;
    run.id = fmt::format("{}-{}", kind, subject);
    run.kind = kind;
    run.subject = subject;
    run.started = kNow - ago;
    lines_ += catalog::to_line(run) + "\n";
    run.ended = run.started + 1min;
    run.outcome = outcome;
    lines_ += catalog::to_line(run) + "\n";
  }
  std::vector<catalog::RunRecord> deciding() {
    io::write_file_durably(layout_.run_journal(), io::as_bytes(lines_));
    return read_deciding_runs(layout_, kNow);
  }
  static std::vector<std::string> subjects(const std::vector<catalog::RunRecord>& runs) {
    std::vector<std::string> subjects;
    for (const auto& run : runs) subjects.push_back(run.subject);
    return subjects;
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_.path()};
  std::string lines_;
};

TEST_F(DecidingRunsTest, AreThoseOfEachJobSinceItsNewestSuccess) {
  ran("backup", "1", 300h, RunOutcome::succeeded);
  ran("backup", "2", 200h, RunOutcome::succeeded);
  ran("expire", "3", 199h, RunOutcome::succeeded);
  ran("backup", "4", 100h, RunOutcome::failed);
  ran("recover", "5", 50h, RunOutcome::failed);
  EXPECT_THAT(subjects(deciding()), UnorderedElementsAre("2", "3", "4"));
}

TEST_F(DecidingRunsTest, AreAllOfAJobThatNeverSucceeded) {
  for (int i = 0; i < 9; ++i) ran("backup", std::to_string(i), (900h - i * 100h), RunOutcome::failed);
  EXPECT_EQ(deciding().size(), 9u);
}

TEST_F(DecidingRunsTest, CountNoSuccessThatIsStillToCome) {
  ran("backup", "1", 300h, RunOutcome::succeeded);
  ran("backup", "2", 200h, RunOutcome::failed);
  ran("backup", "3", -100h, RunOutcome::succeeded);  // by a clock that was set back since
  EXPECT_THAT(subjects(deciding()), UnorderedElementsAre("1", "2", "3"));
}

TEST_F(DecidingRunsTest, TellTheSameFailuresAsTheWholeJournal) {
  for (int i = 0; i < 50; ++i)
    ran(i % 2 == 0 ? "backup" : "expire", std::to_string(i), 500h - i * 10h,
        i % 7 < 3 ? RunOutcome::failed : RunOutcome::succeeded);
  const auto few = deciding();
  const auto all = catalog::RunJournal(layout_).read();
  EXPECT_LT(few.size(), all.size());
  for (const auto kind : kJobKinds) {
    const auto of_few = failures_of(kind, few, kNow);
    const auto of_all = failures_of(kind, all, kNow);
    EXPECT_EQ(of_few.count, of_all.count);
    EXPECT_EQ(of_few.since, of_all.since);
  }
}

}  // namespace
}  // namespace pgkeep::server
