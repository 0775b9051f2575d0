#include "server/health/live_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_server.h"

namespace pgkeep::server {
namespace {

using test::FakeServer;
using test::FakeSession;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

/// What `check` prints of the connections to a server: finding and hint.
std::vector<std::string> check(const std::string& conninfo) {
  auto server = default_server_config();
  server.name = "main";
  server.conninfo = conninfo;
  std::vector<Check> checks;
  check_live_server(server, std::nullopt, std::nullopt, checks, {});
  std::vector<std::string> said;
  for (const auto& check : checks) said.push_back(check.finding + " / " + check.hint);
  return said;
}

std::vector<std::string> check_refusal(const std::string& sqlstate, const std::string& message) {
  FakeServer server([&](FakeSession& session) {
    session.read_startup();
    session.error(sqlstate, message);
  });
  return check(server.conninfo());
}

TEST(LiveChecksTest, SayOfAWrongPasswordThatItIsWrong) {
  const auto said = check_refusal("28P01", "password authentication failed for user \"pgkeep\"");
  EXPECT_THAT(said, Each(AllOf(HasSubstr("check the user and its password"), Not(HasSubstr("pg_hba.conf")))));
}

TEST(LiveChecksTest, SayOfAMissingLineThatItIsMissing) {
  EXPECT_THAT(check_refusal("28000", "no pg_hba.conf entry"), Each(HasSubstr("pg_hba.conf on the server")));
}

TEST(LiveChecksTest, SayOfADatabaseThatIsNotThereHowToNameOne) {
  EXPECT_THAT(check_refusal("3D000", "database \"postgres\" does not exist"), Each(HasSubstr("by dbname")));
}

TEST(LiveChecksTest, AskWhetherAServerThatIsNotThereIsUp) {
  EXPECT_THAT(check("host=127.0.0.1 port=1 user=pgkeep"), Each(HasSubstr("is the server up")));
}

}  // namespace
}  // namespace pgkeep::server
