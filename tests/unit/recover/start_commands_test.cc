#include "recover/start_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/plan_fixture.h"

namespace pgkeep::recover {
namespace {

using testing::ElementsAre;

class StartCommandsTest : public testing::Test {
 protected:
  RecoveryPlan plan_{
      .request = request(), .backup = store::BackupRecord(id_of(10)), .timeline = postgres::TimelineId(1)};
  StartFacts facts_{.user = "postgres",
                    .as_root = false,
                    .pg_ctl = "/usr/lib/postgresql/18/bin/pg_ctl",
                    .log_beside = true};
  RecoverySettings settings_;
};

TEST_F(StartCommandsTest, StartsAsWeAre) {
  EXPECT_THAT(start_commands(plan_, facts_, settings_),
              ElementsAre("/usr/lib/postgresql/18/bin/pg_ctl -D /restored/main -l /restored/main.log start"));
}

TEST_F(StartCommandsTest, LeavesRootBehind) {
  facts_.as_root = true;
  facts_.log_beside = false;
  EXPECT_THAT(
      start_commands(plan_, facts_, settings_),
      ElementsAre(
          "runuser -u postgres -- /usr/lib/postgresql/18/bin/pg_ctl -D /restored/main -l /restored/main/startup.log start"));
}

TEST_F(StartCommandsTest, GivesTheFilesAwayFirstWhenTheyBelongToRoot) {
  facts_.as_root = true;
  facts_.user = "root";
  plan_.tablespaces = {{16385, "a", "/srv/a", "/new/a"}, {16390, "b", "pg_tblspc/16390", "pg_tblspc/16390"}};
  const auto commands = start_commands(plan_, facts_, settings_);
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0], "chown -R postgres: /restored/main /new/a");
  // postgres may not make a file beside it, in a directory of root.
  EXPECT_NE(commands[1].find("-l /restored/main/startup.log "), std::string::npos) << commands[1];
}

TEST_F(StartCommandsTest, QuotesForEveryShellOnTheWay) {
  plan_.request.destination = "/it's here";
  plan_.request.remote_ssh_command = "ssh db1";
  settings_.start_options = {{"data_directory", "/it's here"}};
  facts_.pg_ctl = "pg_ctl";
  const auto command = start_commands(plan_, facts_, settings_).at(0);
  EXPECT_TRUE(command.starts_with("ssh db1 'pg_ctl -D "));
  EXPECT_EQ(command.find('\n'), command.npos);
}

}  // namespace
}  // namespace pgkeep::recover
