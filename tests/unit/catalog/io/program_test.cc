#include "catalog/io/program.h"

#include <csignal>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace pgkeep::io {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ProgramTest : public testing::Test {
 protected:
  Program script(const std::string& text) {
    std::ofstream(file_) << "#!/bin/sh\n" << text << "\n";
    ::chmod(file_.c_str(), 0755);
    return {.file = file_, .time_limit = 1min};
  }
  std::filesystem::path place(const char* name) const { return folder_ / name; }

  test::TempDirectory folder_;
  std::filesystem::path file_ = folder_ / "program";
};

TEST_F(ProgramTest, GetsItsInputAndIsHeardOnBothOutputs) {
  auto program = script("cat; echo \"$1\" >&2; exit 3");
  program.input = "from us\n";
  program.arguments = {"an argument; no shell looks at it"};
  const auto end = run_program(program);
  EXPECT_EQ(end.said, "from us\nan argument; no shell looks at it\n");
  EXPECT_EQ(end.exit_code, 3);
  EXPECT_FALSE(end.succeeded());
  EXPECT_EQ(end.describe(program), "ended with exit code 3");
}

TEST_F(ProgramTest, HasTheEnvironmentItIsGivenAndNoOther) {
  ::setenv("PGKEEP_TEST_SECRET", "secret", 1);
  auto program = script("/usr/bin/env");
  program.environment = std::map<std::string, std::string>{{"GIVEN", "yes"}};
  const auto end = run_program(program);
  EXPECT_THAT(end.said, HasSubstr("GIVEN=yes\n"));
  EXPECT_THAT(end.said, testing::Not(HasSubstr("PGKEEP_TEST_SECRET")));
  EXPECT_THAT(run_program(script("/usr/bin/env")).said, HasSubstr("PGKEEP_TEST_SECRET=secret"));
  ::unsetenv("PGKEEP_TEST_SECRET");
}

TEST_F(ProgramTest, IsEndedWithItsChildrenWhenItsTimeIsOver) {
  auto program = script(fmt::format("sleep 600 & echo $! > {}; wait", place("child").native()));
  program.time_limit = 300ms;
  const auto end = run_program(program);
  EXPECT_FALSE(end.in_time);
  EXPECT_FALSE(end.succeeded());
  pid_t child = 0;
  std::ifstream(place("child")) >> child;
  ASSERT_GT(child, 0);
  test::wait_until([&] { return ::kill(child, 0) != 0; }, "the child has gone, too");
}

TEST_F(ProgramTest, IsNotWaitedForWhenOnlyChildrenAreLeft) {
  const auto end = run_program(script(fmt::format("sleep 600 & echo $! > {}", place("child").native())));
  EXPECT_TRUE(end.succeeded());
  pid_t child = 0;
  std::ifstream(place("child")) >> child;
  ASSERT_GT(child, 0);
  EXPECT_EQ(::kill(child, SIGKILL), 0) << "who leaves one behind has wanted to";
}

TEST_F(ProgramTest, MayTalkWithoutEnd) {
  auto program = script("head -c 50000000 /dev/zero; echo the end");
  const auto end = run_program(program);
  EXPECT_TRUE(end.succeeded());
  EXPECT_EQ(end.said.size(), program.kept_bytes);
  EXPECT_TRUE(end.said.ends_with("the end\n"));
  EXPECT_EQ(end.left_out, 50'000'000 + 8 - program.kept_bytes);
}

TEST_F(ProgramTest, TalksOnAfterItsOutputWasClosed) {
  EXPECT_TRUE(run_program(script("exec >&- 2>&-; sleep 0.2")).succeeded());
}

TEST_F(ProgramTest, HasTheSignalsOfAProgramOfItsOwn) {
  ::sigset_t term;
  ::sigset_t before;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &before);
  const auto end = run_program(script("kill -TERM $$; sleep 600"));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(end.signal, SIGTERM);
  EXPECT_EQ(end.describe({}), "was ended by signal 15");
}

TEST_F(ProgramTest, IsEndedWhenAStopIsAskedFor) {
  std::stop_source stop;
  std::jthread later([&] { stop.request_stop(); });
  EXPECT_THROW(run_program(script("exec sleep 600"), stop.get_token()), Interrupted);
}

TEST_F(ProgramTest, ThatCannotBeStartedIsAnError) {
  EXPECT_THAT([&] { run_program({.file = place("nothing"), .time_limit = 1s}); },
              testing::ThrowsMessage<Error>(HasSubstr("cannot be started: No such file")));
}

}  // namespace
}  // namespace pgkeep::io
