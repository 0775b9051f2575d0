#include "server/cli/program.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

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
    if (!read_) results();
    ::testing::internal::GetCapturedStderr();
  }
  std::string results() {
    read_ = true;
    return ::testing::internal::GetCapturedStdout();
  }
  std::string missing_config() const { return directory_ / "none.yaml"; }
  test::TempDirectory directory_;

 private:
  bool read_ = false;
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

TEST_F(ProgramTest, EndsWithTheCodeOfTheFailure) {
  const auto config = directory_ / "pgkeep.yaml";
  std::ofstream(config) << "repository: " << (directory_ / "none").native()
                        << "\nservers:\n  main: {conninfo: host=nowhere, active: false}\n";
  EXPECT_EQ(run_program({"-c", config, "list-servers"}), 0);
  EXPECT_EQ(run_program({"-c", config, "backup", "main"}), 2) << "it is out of service";
  EXPECT_EQ(run_program({"-c", config, "show-server", "other"}), 3);
  EXPECT_EQ(run_program({"-c", config, "list-wal", "main"}), 3) << "there is no repository";
}

TEST_F(ProgramTest, PrintsADocumentAlsoForALineThatItCannotUnderstand) {
  EXPECT_EQ(run_program({"--json", "frobnicate"}), 2);
  const auto error = nlohmann::json::parse(results()).at("error");
  EXPECT_EQ(error.at("exit_code"), 2);
  EXPECT_NE(error.at("message").get<std::string>().find("frobnicate"), std::string::npos);
}

}  // namespace
}  // namespace pgkeep::server
