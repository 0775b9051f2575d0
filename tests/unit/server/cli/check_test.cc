#include <semaphore>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_server.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsSubsetOf;
using testing::Not;
using testing::StartsWith;
using testing::ThrowsMessage;

/// Server `main` is in service, and nobody answers at its address; so is `other`, of which nothing is stored.
class CheckTest : public CommandTest {
 protected:
  CheckTest() {
    configure(
        "  main: {conninfo: 'host=127.0.0.1 port=1 user=pgkeep'}\n"
        "  other: {conninfo: 'host=127.0.0.1 port=1 user=pgkeep'}\n"
        "  resting: {conninfo: 'host=127.0.0.1 port=1 user=pgkeep', active: false}\n");
    store_a_little();
  }
  /// What the document says of a check of `main`.
  Json check(const std::string& name) {
    const auto json = document({"check", "main"});
    for (const auto& check : json.at("data").at(0).at("checks"))
      if (check.at("name") == name) return check;
    return nullptr;
  }
};

TEST_F(CheckTest, FailsForAServerThatDoesNotAnswerAndSaysWhere) {
  const auto said = run_line({"check", "main"});
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.results, AllOf(HasSubstr("Server main:\n"), HasSubstr("  FAILED  SQL connection: "),
                                  HasSubstr("127.0.0.1")));
}

TEST_F(CheckTest, HasADocumentWithTheSameKeysForEachCheck) {
  const auto json = document({"check", "main"}).at("data").at(0);
  EXPECT_EQ(json.at("server"), "main");
  EXPECT_EQ(json.at("ok"), false);
  for (const auto& check : json.at("checks")) {
    std::string keys;
    for (const auto& [key, value] : check.items()) keys += key + " ";
    EXPECT_EQ(keys, "name result severity finding hint since ") << check;
    EXPECT_THAT(std::vector{check.at("result").get<std::string>()}, IsSubsetOf({"OK", "ADVICE", "FAILED"}));
  }
  EXPECT_EQ(check("sql_connection").at("result"), "FAILED");
}

TEST_F(CheckTest, LooksAtWhatIsStoredAlsoWithoutTheServer) {
  EXPECT_EQ(check("repository").at("result"), "OK");
  EXPECT_EQ(check("wal_continuous").at("result"), "FAILED");
  EXPECT_THAT(check("wal_continuous").at("finding").get<std::string>(), HasSubstr("0/700000"));
}

TEST_F(CheckTest, SaysThatThereIsNoRepository) {
  std::filesystem::remove(directory_ / "repository.json");
  EXPECT_EQ(check("repository").at("result"), "FAILED");
  EXPECT_THAT(check("repository").at("hint").get<std::string>(), HasSubstr("mounted"));
}

TEST_F(CheckTest, LooksAtAllServersInServiceInTheirOrder) {
  for (const auto& words : {std::vector<std::string>{"check"}, {"check", "all"}}) {
    const auto list = document(words).at("data");
    ASSERT_EQ(list.size(), 2u) << "the one that is out of service is left alone";
    EXPECT_EQ(list[0].at("server"), "main");
    EXPECT_EQ(list[1].at("server"), "other");
  }
}

TEST_F(CheckTest, ShowsProblemsAloneAndSaysHowManyServersAreWell) {
  const auto all = run_line({"check", "main"}).results;
  EXPECT_THAT(all, AllOf(HasSubstr("  OK      repository"), HasSubstr("1 server: 0 well, 1 failed\n")));
  const auto some = run_line({"check", "main", "--problems"}).results;
  EXPECT_THAT(some, AllOf(HasSubstr("  FAILED  SQL connection"), Not(HasSubstr("  OK "))));
}

TEST_F(CheckTest, LooksAtSingleChecks) {
  const auto said = run_line({"check", "main", "--only", "repository", "--only", "identity"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_THAT(said.results, AllOf(HasSubstr("repository"), Not(HasSubstr("SQL connection"))));
  EXPECT_THAT(
      [&] {
        run_line({"check", "main", "--only", "wal_continous"});
      },
      ThrowsMessage<UsageError>(HasSubstr("did you mean wal_continuous?")));
}

/// It takes connections, and never says a word.
TEST_F(CheckTest, WaitsForNoServerLongerThanItsTime) {
  std::binary_semaphore over(0);
  test::FakeServer silent([&](test::FakeSession& session) {
    over.acquire();
    session.read_startup();
  });
  configure("  main: {conninfo: '" + silent.conninfo() + "', connect_timeout: 1h}\n");
  const auto said = run_line({"check", "main", "--timeout", "300ms"});
  over.release();
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.results,
              AllOf(HasSubstr("  FAILED  SQL connection: the server had not answered when the time"),
                    HasSubstr("  FAILED  WAL without gaps")));
}

TEST_F(CheckTest, TellsMonitorsOfTheNagiosFamilyOneLineAndTheirExitCodes) {
  auto said = run_line({"check", "main", "--nagios"});
  EXPECT_EQ(static_cast<int>(said.exit), 2);
  EXPECT_THAT(said.results, StartsWith("PGKEEP CRITICAL - 1 of 1 server: main: SQL connection: "));
  EXPECT_THAT(said.results,
              ContainsRegex(" \\| 'main_backup_age'=[0-9]+s 'repository_free'=[0-9]+B\nCRITICAL main: "));
  said = run_line({"check", "main", "--nagios", "--only", "repository"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_THAT(said.results, StartsWith("PGKEEP OK - 1 server well | "));
  std::filesystem::remove(config_);
  said = run_line({"check", "main", "--nagios"});
  EXPECT_EQ(static_cast<int>(said.exit), 3);
  EXPECT_THAT(said.results, StartsWith("PGKEEP UNKNOWN - "));
}

}  // namespace
}  // namespace pgkeep::server
