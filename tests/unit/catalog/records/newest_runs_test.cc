#include "catalog/records/newest_runs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/records/run_line.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr io::TimePoint kMorning{std::chrono::sys_days{std::chrono::year{2026} / 11 / 20}};

/// A journal that the tests write line by line. Runs are told apart by their subject.
class NewestRunsTest : public testing::Test {
 protected:
  RunRecord begun(const std::string& kind, const std::string& subject, std::chrono::minutes after) {
    RunRecord run;
    run.id = fmt::format("{}-{}", kind, subject);
    run.kind = kind;
    run.subject = subject;
    run.started = kMorning + after;
    run.process = "1 1 gone";
    write(to_line(run) + "\n");
    return run;
  }
  void ended(RunRecord run, RunOutcome outcome, std::chrono::minutes after) {
    run.ended = kMorning + after;
    run.outcome = outcome;
    write(to_line(run) + "\n");
  }
  void ran(const std::string& kind, const std::string& subject, std::chrono::minutes from) {
    ended(begun(kind, subject, from), RunOutcome::succeeded, from + 1min);
  }
  void write(std::string_view text) {
    auto file = io::File::open_or_create(layout_.run_journal());
    file.write_at(io::as_bytes(text), file.size());
    file.close();
  }
  /// Changes the line about that run which the journal has last.
  void damage(const std::string& subject) {
    const auto content = io::read_whole_file(layout_.run_journal(), 1 << 20);
    auto file = io::File::open_or_create(layout_.run_journal());
    file.write_at(io::as_bytes("#"), io::as_text(content).rfind('"' + subject + '"') + 1);
    file.close();
  }
  static std::vector<std::string> subjects(const std::vector<RunRecord>& runs) {
    std::vector<std::string> subjects;
    for (const auto& run : runs) subjects.push_back(run.subject);
    return subjects;
  }
  std::vector<std::string> newest(std::size_t count) { return subjects(newest_runs(layout_, count)); }
  std::vector<std::string> of_kind(std::string_view kind) {
    std::vector<RunRecord> runs;
    for_newest_runs(layout_, kind, [&](RunRecord&& run) {
      runs.push_back(std::move(run));
      return true;
    });
    return subjects(runs);
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_.path()};
};

TEST_F(NewestRunsTest, AreNoneBeforeTheFirst) {
  EXPECT_THAT(newest(5), IsEmpty());
  EXPECT_THAT(of_kind("backup"), IsEmpty());
}

TEST_F(NewestRunsTest, AreThoseThatBeganLastTheOldestFirst) {
  for (int i = 1; i <= 4; ++i) ran("backup", std::to_string(i), i * 10min);
  EXPECT_THAT(newest(2), ElementsAre("3", "4"));
  EXPECT_THAT(newest(9), ElementsAre("1", "2", "3", "4"));
}

TEST_F(NewestRunsTest, AreAsTheJournalHasThemWhole) {
  ran("backup", "1", 10min);
  begun("expire", "2", 20min);
  EXPECT_EQ(newest_runs(layout_, 9), RunJournal(layout_).read());
}

TEST_F(NewestRunsTest, AreNotThoseThatBeganLongAgoAndEndedLast) {
  const auto first = begun("receive-wal", "1", 0min);
  ran("backup", "2", 10min);
  ran("backup", "3", 20min);
  ended(first, RunOutcome::failed, 30min);
  EXPECT_THAT(newest(2), ElementsAre("2", "3"));
}

TEST_F(NewestRunsTest, AreFoundAlsoWhenALineInTheMiddleIsCutOrDamaged) {
  ran("backup", "1", 10min);
  ran("backup", "2", 20min);
  damage("2");
  write(R"({"id":"backup-3","kind":"ba)"
        "\n");
  ran("backup", "4", 40min);
  const auto runs = newest_runs(layout_, 3);
  EXPECT_THAT(subjects(runs), ElementsAre("1", "2", "4"));
  EXPECT_EQ(runs[1].outcome, RunOutcome::interrupted) << "its beginning is all that can be read";
}

TEST_F(NewestRunsTest, AreFoundAlsoWhenTheJournalBeforeThemIsNoJournal) {
  write(std::string(100'000, '#') + "\n");
  ran("backup", "1", 10min);
  EXPECT_THAT(newest(1), ElementsAre("1"));
}

TEST_F(NewestRunsTest, AreFoundByTheBeginningOfTheirId) {
  ran("backup", "11", 10min);
  ran("backup", "12", 20min);
  ran("backup", "2", 30min);
  EXPECT_THAT(subjects(runs_with_id(layout_, "backup-1")), ElementsAre("11", "12"));
  EXPECT_THAT(runs_with_id(layout_, "1"), IsEmpty());
  EXPECT_THAT(runs_with_id(layout_, "\""), IsEmpty());
}

TEST_F(NewestRunsTest, AreFoundByTheirKindTheNewestFirst) {
  ran("backup", "1", 10min);
  ran("backup-of-another", "2", 20min);
  const auto third = begun("backup", "3", 30min);
  ran("expire", "4", 40min);
  ended(third, RunOutcome::failed, 50min);
  EXPECT_THAT(of_kind("backup"), ElementsAre("3", "1"));
}

TEST_F(NewestRunsTest, AreNotLookedForBeyondWhatIsWanted) {
  ran("backup", "1", 10min);
  ran("backup", "2", 20min);
  int visited = 0;
  for_newest_runs(layout_, "backup", [&](RunRecord&&) { return ++visited < 1; });
  EXPECT_EQ(visited, 1);
}

TEST_F(NewestRunsTest, GiveTheIdsOfWhichTheJournalHasToldSince) {
  const auto first = begun("receive-wal", "1", 0min);
  ran("backup", "2", 10min);
  ended(first, RunOutcome::failed, 60min);
  ran("backup", "3", 70min);
  EXPECT_THAT(run_ids_since(layout_, kMorning + 30min), ElementsAre("backup-3", "receive-wal-1"));
}

}  // namespace
}  // namespace pgkeep::catalog
