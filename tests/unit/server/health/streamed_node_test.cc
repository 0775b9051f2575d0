#include "server/health/streamed_node.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "streaming/wire/nodes.h"
#include "tests/support/fake_server.h"

namespace pgkeep::server {
namespace {

using ::testing::SizeIs;

std::vector<streaming::ConnectionSettings> chosen(const std::string& conninfo, const std::string& peer) {
  return nodes_of_peer(streaming::settings_of_nodes({.conninfo = conninfo}),
                       postgres::Endpoint::from_text(peer));
}

TEST(NodesOfPeer, TakesAHostByItsWholeNameAndPort) {
  const auto nodes = chosen("host=db,db1 port=5432,5433", "db1:5433");
  ASSERT_THAT(nodes, SizeIs(1));
  EXPECT_THAT(nodes.front().conninfo, ::testing::HasSubstr("host=db1"));
  EXPECT_THAT(chosen("host=db,db1", "db:5432"), SizeIs(1));
  EXPECT_THAT(chosen("host=a,a port=5432,5433", "a:5433"), SizeIs(1));
}

TEST(NodesOfPeer, KnowsAddressesAndSockets) {
  EXPECT_THAT(chosen("hostaddr=::1,127.0.0.1", "[::1]:5432"), SizeIs(1));
  EXPECT_THAT(chosen("host=/tmp,db", "/tmp/.s.PGSQL.5432"), SizeIs(1));
}

TEST(NodesOfPeer, AreAllWhenNoneIsKnownByThatName) {
  EXPECT_THAT(chosen("host=a,b", "c:5432"), SizeIs(2));
}

// ------------------------------------------------------------------------- which host is asked

/// A host of a cluster, as a physical connection and SQL see it.
auto host(bool standby) {
  return [standby](test::FakeSession& session) {
    session.read_startup();
    session.welcome();
    for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
      if (query == "IDENTIFY_SYSTEM") {
        session.answer({"systemid", "timeline", "xlogpos", "dbname"},
                       {{"7400000000000000001", "1", "0/5000000", std::nullopt}});
      } else {
        session.answer({"value"}, {{standby ? "on" : "off"}});
      }
    }
  };
}

class StreamedNodeTest : public ::testing::Test {
 protected:
  postgres::Endpoint asked(streaming::ConnectionKind kind, const postgres::Endpoint& peer = {}) const {
    auto server = default_server_config();
    server.conninfo =
        fmt::format("host=127.0.0.1,127.0.0.1 port={},{} user=pgkeep sslmode=disable gssencmode=disable",
                    standby_.port(), primary_.port());
    return open_streamed_node(server, peer, kind, {}).peer();
  }
  static postgres::Endpoint name_of(const test::FakeServer& server) {
    return {"127.0.0.1", std::to_string(server.port())};
  }
  test::FakeServer standby_{host(true)};
  test::FakeServer primary_{host(false)};
};

TEST_F(StreamedNodeTest, IsTheOneThatAReceiverWouldChooseUntilOneIsKnown) {
  EXPECT_EQ(asked(streaming::ConnectionKind::sql), name_of(primary_));
  EXPECT_EQ(asked(streaming::ConnectionKind::physical), name_of(primary_));
}

TEST_F(StreamedNodeTest, IsTheOneThatWalComesFrom) {
  EXPECT_EQ(asked(streaming::ConnectionKind::sql, name_of(standby_)), name_of(standby_));
}

}  // namespace
}  // namespace pgkeep::server
