// The harness itself: what the stories lean on must hold before a story can fail for its own reason.
#include <sstream>

#include <gmock/gmock.h>

#include "tests/support/postgres_cluster.h"
#include "tests/support/small_disk.h"
#include "tests/support/ssh_server.h"
#include "tests/support/tcp_proxy.h"

namespace pgkeep::test {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

TEST(Harness, LetsTheCallerInBySsh) {
  if (!SshServer::available()) GTEST_SKIP() << "no sshd here: run etc/install-deps --tests";
  const SshServer server;
  auto argv = words(server.command());
  argv.emplace_back("echo over there");
  EXPECT_EQ(run_or_throw({argv}), "over there\n");
}

TEST(Harness, FillsASmallDiskAndMakesRoom) {
  if (!SmallDisk::available()) GTEST_SKIP() << "this process may not mount: run the tests as root";
  SmallDisk disk(1);
  const Command fill{{"dd", "if=/dev/zero", "bs=1M", "count=2", "of=" + (disk.path() / "file").native()}};
  EXPECT_THAT(run(fill).err, HasSubstr("No space left"));
  disk.resize(4);
  EXPECT_EQ(run(fill).exit_code, 0);
}

TEST(Harness, CutsAndRestoresTheNetwork) {
  if (!is_provisioned(18)) GTEST_SKIP() << how_to_provision(18);
  const auto cluster = PostgresCluster::create(18);
  TcpProxy proxy(cluster.port());
  const std::string through_proxy =
      "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(proxy.port());
  PostgresSession session(through_proxy);
  EXPECT_EQ(session.value("SELECT 1"), "1");
  proxy.cut();
  EXPECT_THROW(session.value("SELECT 1"), std::runtime_error);
  EXPECT_THROW(PostgresSession{through_proxy}, std::runtime_error);
  proxy.resume();
  EXPECT_EQ(PostgresSession(through_proxy).value("SELECT 1"), "1");
}

class EachVersion : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Postgres, EachVersion, ::testing::Values(13, 15, 17, 18),
                         ::testing::PrintToStringParamName());

TEST_P(EachVersion, SurvivesAKillAndGetsAStandbyThatTakesOver) {
  if (!is_provisioned(GetParam())) GTEST_SKIP() << how_to_provision(GetParam());
  auto cluster = PostgresCluster::create(GetParam());
  cluster.pgbench_init(1);
  cluster.pgbench(10);
  cluster.kill9();
  cluster.start();
  EXPECT_EQ(cluster.value("SELECT count(*) FROM pgbench_history"), "10");
  auto standby = PostgresCluster::standby_of(cluster);
  EXPECT_EQ(standby.value("SELECT pg_is_in_recovery()"), "t");
  cluster.lose();
  standby.promote();
  standby.wait_until_recovered();
  EXPECT_EQ(standby.value("SELECT count(*) FROM pgbench_history"), "10");
  EXPECT_THAT(standby.log_tail(), HasSubstr("ready to accept connections"));
}

}  // namespace
}  // namespace pgkeep::test
