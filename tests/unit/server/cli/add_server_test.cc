#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Nobody answers at any address here.
class AddServerTest : public CommandTest {
 protected:
  void include(const std::string& pattern) {
    configure("  main: {conninfo: 'host=127.0.0.1 port=1 user=pgkeep', active: false}\ninclude: " + pattern +
              "\n");
  }
  Said add(const std::string& name, const std::string& conninfo) {
    return run_line({"add-server", name, conninfo});
  }
};

TEST_F(AddServerTest, SaysWhichLineIncludesTheFileThatItWouldWrite) {
  const auto said = add("orders", "host=pg1");
  EXPECT_EQ(said.exit, Exit::usage);
  EXPECT_THAT(said.talk, AllOf(HasSubstr(config_.native()), HasSubstr("`include: conf.d/*.yaml`")));
}

TEST_F(AddServerTest, RefusesANameThatIsTakenAndSaysWhere) {
  include("conf.d/*.yaml");
  EXPECT_THAT(add("main", "host=pg1").talk, HasSubstr(config_.native() + ":3"));
}

TEST_F(AddServerTest, RefusesAPasswordAndDoesNotTellIt) {
  include("conf.d/*.yaml");
  const auto said = add("orders", "host=pg1 password=hidden");
  EXPECT_EQ(said.exit, Exit::usage);
  EXPECT_THAT(said.talk, AllOf(HasSubstr("~/.pgpass"), Not(HasSubstr("hidden"))));
}

TEST_F(AddServerTest, WritesNothingForAServerThatDoesNotAnswer) {
  include("conf.d/*.yaml");
  const auto said = add("orders", "host=127.0.0.1 port=1 user=pgkeep");
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.results, AllOf(HasSubstr("  FAILED  SQL connection: "), Not(HasSubstr("CREATE ROLE"))));
  EXPECT_THAT(said.talk, HasSubstr("nothing was written"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "conf.d"));
}

TEST_F(AddServerTest, TakesOutNoServerThatDoesNotStandAlone) {
  const auto said = run_line({"remove-server", "main"});
  EXPECT_EQ(said.exit, Exit::refused);
  EXPECT_THAT(said.talk, AllOf(HasSubstr(config_.native() + ":"), HasSubstr("by hand")));
}

/// Its slot cannot be dropped now.
TEST_F(AddServerTest, SaysHowToDropTheSlotOfAServerThatIsAwayAndWhereItsBackupsAre) {
  store_a_little();
  std::filesystem::create_directory(directory_ / "conf.d");
  configure("include: conf.d/*.yaml\n");
  std::ofstream(directory_ / "conf.d" / "main.yaml")
      << "servers: {main: {conninfo: host=127.0.0.1 port=1}}\n";
  const auto said = run_line({"remove-server", "main"});
  EXPECT_EQ(said.exit, Exit::partly);
  EXPECT_THAT(said.talk, HasSubstr("pgkeep drop-slot --conninfo 'host=127.0.0.1 port=1' --slot pgkeep"));
  EXPECT_THAT(said.results, AllOf(HasSubstr("main.yaml.removed"), HasSubstr(layout_.root().native())));
  EXPECT_TRUE(std::filesystem::exists(layout_.root()));
}

}  // namespace
}  // namespace pgkeep::server
