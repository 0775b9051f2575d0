#include "server/terminal/log.h"

#include <cstdlib>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace pgkeep::server {
namespace {

using ::testing::EndsWith;
using ::testing::MatchesRegex;

class LogTest : public ::testing::Test {
 protected:
  LogTest() { ::testing::internal::CaptureStderr(); }
  ~LogTest() override {
    if (!read_) ::testing::internal::GetCapturedStderr();
    ::unsetenv("JOURNAL_STREAM");
  }
  std::string written() {
    read_ = true;
    return ::testing::internal::GetCapturedStderr();
  }
  /// As systemd does for a service whose standard error is the journal.
  static void standard_error_is_the_journal() {
    struct stat file {};
    ASSERT_EQ(::fstat(STDERR_FILENO, &file), 0);
    ::setenv("JOURNAL_STREAM", fmt::format("{}:{}", file.st_dev, file.st_ino).c_str(), 1);
  }
  static Log make(Output::Talk talk) { return make_log("main", Output(Output::Format::text, talk)); }

 private:
  bool read_ = false;
};

TEST_F(LogTest, LinesHaveTimeLevelAndName) {
  make(Output::Talk::normal)->warn("the slot is lost");
  EXPECT_THAT(written(), MatchesRegex("20..-..-..T..:..:......Z warning main: the slot is lost\n"));
}

TEST_F(LogTest, LinesForTheJournalHaveThePriorityAndNoTime) {
  standard_error_is_the_journal();
  const auto log = make(Output::Talk::verbose);
  log->debug("a detail");
  log->info("a note");
  log->warn("a warning");
  log->error("an error");
  EXPECT_EQ(written(), "<7>main: a detail\n<6>main: a note\n<4>main: a warning\n<3>main: an error\n");
}

TEST_F(LogTest, OfAServiceThatWritesElsewhereIsNotForTheJournal) {
  ::setenv("JOURNAL_STREAM", "1:2", 1);
  make(Output::Talk::normal)->info("a note");
  EXPECT_THAT(written(), EndsWith("Z info main: a note\n"));
}

TEST_F(LogTest, QuietLeavesWhatIsWrong) {
  standard_error_is_the_journal();
  const auto log = make(Output::Talk::quiet);
  log->info("a note");
  log->warn("a warning");
  EXPECT_EQ(written(), "<4>main: a warning\n");
}

TEST_F(LogTest, DetailsAreForVerbose) {
  make(Output::Talk::normal)->debug("a detail");
  EXPECT_EQ(written(), "");
}

TEST_F(LogTest, CommandsNoTerminal) {
  make(Output::Talk::normal)->info("the server said {}", "\x1b[2J\x07");
  EXPECT_EQ(written().find_first_of("\x1b\x07"), std::string::npos);
}

}  // namespace
}  // namespace pgkeep::server
