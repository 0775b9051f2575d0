#include "catalog/records/run_journal.h"

#include <set>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/io/sealed_json.h"
#include "tests/support/sealed_text.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class RunJournalTest : public testing::Test {
 protected:
  /// What a process begins that ends without a word.
  pid_t begin_in_a_process_that_dies() {
    const auto child = ::fork();
    if (child == 0) {
      journal_.begin("backup", "20261120T020000Z");
      ::_exit(0);
    }
    return child;
  }
  void write_at_the_end(std::string_view text) {
    auto file = io::File::open_or_create(layout_.run_journal());
    file.write_at(io::as_bytes(text), file.size());
    file.close();
  }
  std::string content() {
    return std::string(io::as_text(io::read_whole_file(layout_.run_journal(), 1 << 20)));
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_.path()};
  RunJournal journal_{layout_};
};

TEST_F(RunJournalTest, HasNoRunsBeforeTheFirst) {
  EXPECT_THAT(journal_.read(), IsEmpty());
}

TEST_F(RunJournalTest, ReadsALineFromBeforeRunsHadMessages) {
  write_at_the_end(
      io::seal_json(R"({"id":"backup-1","kind":"backup","subject":"","started":"2026-11-20T02:00:00Z",)"
                    R"("ended":"2026-11-20T02:10:00Z","outcome":"succeeded","error":"","details":null,)"
                    R"("process":"1 1 gone"})") +
      "\n");
  const auto runs = journal_.read();
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].id, "backup-1");
  EXPECT_THAT(runs[0].messages, IsEmpty());
}

TEST_F(RunJournalTest, BeginsARunThatBeganBefore) {
  const auto started = io::now() - std::chrono::hours(2);
  EXPECT_EQ(journal_.begin("delete", "", started).started, started);
  EXPECT_THAT(journal_.read(), testing::ElementsAre(testing::Field(&RunRecord::started, started)));
}

TEST_F(RunJournalTest, PassesOverDetailsOfAnyDepth) {
  journal_.begin("backup", "");
  auto line = content();
  const std::string none = "\"details\":null";
  line.replace(line.find(none), none.size(),
               "\"details\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']'));
  write_at_the_end(test::seal_again(line));
  EXPECT_THAT(journal_.read(), SizeIs(1));
}

TEST_F(RunJournalTest, ReadsBackWhatHasEnded) {
  auto run = journal_.begin("backup", "20261120T020000Z");
  journal_.end(run, RunOutcome::failed, "no room:\n0 B free", R"({"bytes": 5, "a": [1]})");
  EXPECT_THAT(journal_.read(), testing::ElementsAre(run));
  EXPECT_EQ(run.outcome, RunOutcome::failed);
  EXPECT_EQ(run.error, "no room:\n0 B free");
  EXPECT_EQ(run.details, R"({"a":[1],"bytes":5})");
  EXPECT_TRUE(run.ended.has_value());
}

TEST_F(RunJournalTest, NamesARunByKindStartAndProcess) {
  const auto run = journal_.begin("verify-backup", "");
  EXPECT_THAT(run.id, StartsWith("verify-backup-" + store::BackupId(run.started).to_string() + "-"));
  EXPECT_THAT(run.id, HasSubstr(std::to_string(::getpid())));
}

TEST_F(RunJournalTest, WritesOneLineABeginningAndOneAnEnd) {
  auto run = journal_.begin("delete", "20261120T020000Z");
  journal_.end(run, RunOutcome::succeeded, "", "");
  const auto text = content();
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
  EXPECT_EQ(text.back(), '\n');
}

TEST_F(RunJournalTest, ListsTheOldestFirst) {
  auto first = journal_.begin("backup", "1");
  const auto second = journal_.begin("recover", "2");
  journal_.end(first, RunOutcome::succeeded, "", "");
  EXPECT_THAT(journal_.read(), testing::ElementsAre(first, second));
}

TEST_F(RunJournalTest, TakesARunOfThisProcessForRunning) {
  journal_.begin("backup", "");
  EXPECT_EQ(journal_.read().at(0).outcome, RunOutcome::running);
}

TEST_F(RunJournalTest, TakesARunWhoseProcessIsGoneForInterrupted) {
  const auto child = begin_in_a_process_that_dies();
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(journal_.read().at(0).outcome, RunOutcome::interrupted);
}

TEST_F(RunJournalTest, TakesAProcessThatNobodyHasWaitedForYetForGone) {
  const auto child = begin_in_a_process_that_dies();
  siginfo_t state{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &state, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(journal_.read().at(0).outcome, RunOutcome::interrupted);
  ::waitpid(child, nullptr, 0);
}

TEST_F(RunJournalTest, IsNotFooledByAProcessNumberThatWasGivenAgain) {
  auto run = journal_.begin("backup", "");
  EXPECT_EQ(current_outcome(run), RunOutcome::running);
  const auto pid = run.process.substr(0, run.process.find(' '));
  const auto boot = run.process.substr(run.process.rfind(' '));
  run.process = pid + " 1" + boot;
  EXPECT_EQ(current_outcome(run), RunOutcome::interrupted);
  for (const auto* process : {"", "-1 1 x", "x", "0 1 x"}) {
    run.process = process;
    EXPECT_EQ(current_outcome(run), RunOutcome::interrupted) << process;
  }
}

TEST_F(RunJournalTest, PassesOverALineThatACrashHasCut) {
  const auto first = journal_.begin("backup", "1");
  write_at_the_end(content().substr(0, 40));
  const auto second = journal_.begin("backup", "2");
  EXPECT_THAT(journal_.read(), testing::ElementsAre(first, second));
}

TEST_F(RunJournalTest, PassesOverLinesThatAreNoRecords) {
  write_at_the_end("\n[]\n{}\nnull\n" + io::seal_json("{\"id\":1}") + "\n");
  const auto run = journal_.begin("backup", "");
  EXPECT_THAT(journal_.read(), testing::ElementsAre(run));
}

TEST_F(RunJournalTest, PassesOverALineThatWasDamaged) {
  const auto first = journal_.begin("backup", "1");
  journal_.begin("backup", "2");
  const auto third = journal_.begin("backup", "3");
  auto file = io::File::open_or_create(layout_.run_journal());
  file.write_at(io::as_bytes("4"), content().find("\"2\"") + 1);
  file.close();
  EXPECT_THAT(journal_.read(), testing::ElementsAre(first, third));
}

TEST_F(RunJournalTest, GivesRunsOfTheSameSecondNamesOfTheirOwn) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int run = 0; run < 5; ++run) RunJournal(layout_).begin("backup", "");
    });
  }
  threads.clear();
  std::set<std::string> ids;
  for (const auto& run : journal_.read()) ids.insert(run.id);
  EXPECT_THAT(ids, SizeIs(20));
}

TEST_F(RunJournalTest, ReplacesBytesThatAreNotUtf8AndGoesOnWithWhatItWrote) {
  auto run = journal_.begin("recover", "/srv/d\xFFta");
  EXPECT_EQ(run.subject, "/srv/d\xEF\xBF\xBDta");
  journal_.end(run, RunOutcome::failed, "no such \xFF", "");
  EXPECT_THAT(journal_.read(), testing::ElementsAre(run));
}

TEST_F(RunJournalTest, RefusesDetailsThatAreNoObject) {
  auto run = journal_.begin("backup", "");
  EXPECT_THROW(journal_.end(run, RunOutcome::succeeded, "", "[1]"), std::invalid_argument);
  EXPECT_THROW(journal_.end(run, RunOutcome::succeeded, "", "{"), std::invalid_argument);
  EXPECT_EQ(journal_.read().at(0).outcome, RunOutcome::running);
}

TEST_F(RunJournalTest, DoesNotWaitForEverForWhoeverHoldsIt) {
  const auto holder = io::File::open_or_create(layout_.run_journal());
  io::lock_alone(holder);
  EXPECT_THROW(RunJournal(layout_).begin("backup", ""), Busy);
}

TEST_F(RunJournalTest, ReadsOnFromWhereItWasReadTo) {
  auto run = journal_.begin("backup", "");
  const auto read = journal_.read_lines(0);
  EXPECT_THAT(read.records, testing::ElementsAre(run));
  write_at_the_end("{\"id\":");
  EXPECT_EQ(journal_.read_lines(read.end).end, read.end);
  journal_.end(run, RunOutcome::succeeded, "", "");
  EXPECT_THAT(journal_.read_lines(read.end).records, testing::ElementsAre(run));
}

TEST_F(RunJournalTest, KnowsAJournalThatIsNotTheOneReadBefore) {
  journal_.begin("backup", "");
  const auto end = journal_.read_lines(0).end;
  EXPECT_THROW(journal_.read_lines(end + 1), Corruption);
  EXPECT_THROW(journal_.read_lines(end - 1), Corruption);
  io::remove_file(layout_.run_journal());
  EXPECT_THROW(journal_.read_lines(end), Corruption);
}

}  // namespace
}  // namespace pgkeep::catalog
