#include "server/cli/program.h"

#include <gtest/gtest.h>

#include "server/cli/command.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
  }
  ~ProgramTest() override {
    ::testing::internal::GetCapturedStdout();
    ::testing::internal::GetCapturedStderr();
  }
  std::string missing_config() const { return directory_ / "none.yaml"; }
  test::TempDirectory directory_;
};

TEST_F(ProgramTest, EndsWithTwoForWhatItCannotUnderstand) {
  EXPECT_EQ(run_program({}), 2);
  EXPECT_EQ(run_program({"frobnicate"}), 2);
  EXPECT_EQ(run_program({"backup"}), 2);
  EXPECT_EQ(run_program({"list-servers", "-c", missing_config()}), 2);
}

TEST_F(ProgramTest, EndsWithZeroAfterHelp) {
  EXPECT_EQ(run_program({"help"}), 0);
  EXPECT_EQ(run_program({"--version"}), 0);
  EXPECT_EQ(run_program({"recover", "--help"}), 0);
}

TEST_F(ProgramTest, NeverLetsPostgresTakeAFailureOfGetWalForTheEndOfTheArchive) {
  EXPECT_EQ(run_program({"get-wal"}), kCannotTell);
  EXPECT_EQ(run_program({"get-wal", "main", "000000010000000000000001", "--nonsense"}), kCannotTell);
  EXPECT_EQ(run_program({"-c", missing_config(), "get-wal", "main", "000000010000000000000001"}),
            kCannotTell);
}

}  // namespace
}  // namespace pgkeep::server
