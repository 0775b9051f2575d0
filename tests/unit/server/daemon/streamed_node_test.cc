#include "server/daemon/streamed_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "streaming/nodes.h"

namespace pgkeep::server {
namespace {

using ::testing::SizeIs;

std::vector<streaming::ConnectionSettings> chosen(const std::string& conninfo, const std::string& peer) {
  return nodes_of_peer(streaming::settings_of_nodes({.conninfo = conninfo}), peer);
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

}  // namespace
}  // namespace pgkeep::server
