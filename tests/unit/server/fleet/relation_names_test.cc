#include "server/fleet/relation_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_server.h"

namespace pgkeep::server {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Rows = std::vector<std::vector<test::FakeSession::Cell>>;

constexpr postgres::SystemIdentifier kSystem(7400000000000000001);

/// A server whose answers about relations the test makes up.
class RelationNamesTest : public testing::Test {
 protected:
  void answer(test::FakeSession& session) const {
    const auto database = session.read_startup().at("database");
    session.welcome();
    for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
      if (query.find("pg_control_system") != query.npos) {
        session.answer({"system_identifier"}, {{system_}});
      } else if (query.find("pg_database") != query.npos) {
        session.answer({"oid", "datname", "datallowconn"}, databases_);
      } else if (query.find("VALUES") != query.npos) {
        session.answer(std::vector<std::string>(columns_, "column"), relations_);
      } else {
        session.answer({"value"}, {{"off"}});
      }
    }
  }
  std::vector<std::string> name(std::vector<std::string> paths) {
    auto config = default_server_config();
    config.name = "main";
    config.conninfo = server_.conninfo();
    return name_relations(config, kSystem, std::move(paths),
                          [this](const std::string& note) { notes_.push_back(note); }, {});
  }

  std::string system_ = "7400000000000000001";
  Rows databases_{{"4", "template0", "f"}, {"5", "shop", "t"}};
  std::size_t columns_ = 2;
  Rows relations_{{"0", "table public.orders"}};
  std::vector<std::string> notes_;
  test::FakeServer server_{[this](test::FakeSession& session) { answer(session); }};
};

TEST_F(RelationNamesTest, AreThoseOfTheDatabaseThatTheFileIsOf) {
  EXPECT_THAT(name({"base/5/16384", "base/4/2619", "base/77/1", "pg_xact/0000"}),
              ElementsAre("base/5/16384 (table public.orders, database shop)",
                          "base/4/2619 (database template0)", "base/77/1", "pg_xact/0000"));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(RelationNamesTest, AreNotThoseOfAnotherCluster) {
  system_ = "7400000000000000002";
  EXPECT_THAT(name({"base/5/16384"}), ElementsAre("base/5/16384"));
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("another cluster")));
}

TEST_F(RelationNamesTest, AreNotBelievedWhereTheyCannotBe) {
  for (const Rows& impossible : {Rows{{"x", "table t"}}, Rows{{"7", "table t"}},
                                 Rows{{std::nullopt, "table t"}}, Rows{{"0", std::nullopt}}}) {
    relations_ = impossible;
    EXPECT_THAT(name({"base/5/16384"}), ElementsAre("base/5/16384"));
  }
  EXPECT_THAT(notes_, SizeIs(4));
  notes_.clear();
  columns_ = 1;
  relations_ = {{"0"}};
  EXPECT_THAT(name({"base/5/16384"}), ElementsAre("base/5/16384"));
  EXPECT_THAT(notes_, SizeIs(1));
}

TEST_F(RelationNamesTest, AreCutAndWithoutControlCharacters) {
  relations_ = {{"0", "table \x1b[2J" + std::string(100'000, 'a')}};
  const auto named = name({"base/5/16384"}).front();
  EXPECT_LT(named.size(), 1000u);
  EXPECT_THAT(named, Not(HasSubstr("\x1b")));
  EXPECT_THAT(named, EndsWith("a)"));
}

TEST_F(RelationNamesTest, AreLeftOutWhereTheServerCannotBeAsked) {
  auto config = default_server_config();
  config.name = "main";
  config.conninfo = "host=127.0.0.1 port=1";
  const auto named = name_relations(config, kSystem, {"base/5/16384"},
                                    [this](const std::string& note) { notes_.push_back(note); }, {});
  EXPECT_THAT(named, ElementsAre("base/5/16384"));
  EXPECT_THAT(notes_, ElementsAre(HasSubstr("main: relations could not be named")));
}

}  // namespace
}  // namespace pgkeep::server
