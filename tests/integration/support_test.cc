// The harness itself: what the stories lean on must hold before a story can fail for its own reason.
#include <future>
#include <optional>
#include <sstream>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/postgres_cluster.h"
#include "tests/support/small_disk.h"
#include "tests/support/ssh_server.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/wait_until.h"

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

/// A server behind a network that fails as it is told to.
class ProxiedServer : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!is_provisioned(18)) GTEST_SKIP() << how_to_provision(18);
    if (!cluster_) cluster_.emplace(PostgresCluster::create(18));
    proxy_.emplace(cluster_->port());
  }
  static void TearDownTestSuite() { cluster_.reset(); }

  PostgresSession connect() const {
    return PostgresSession("host=127.0.0.1 user=postgres dbname=postgres port=" +
                           std::to_string(proxy_->port()));
  }
  void expect_connections_work() const { EXPECT_EQ(connect().value("SELECT 1"), "1"); }
  /// Runs while the test goes on.
  static std::future<void> start(PostgresSession& session, const std::string& statement) {
    return std::async(std::launch::async, [&session, statement] { session.execute(statement); });
  }
  static void wait_until_made(const std::string& table) {
    wait_until([&] { return cluster_->value("SELECT to_regclass('" + table + "') IS NOT NULL") == "t"; },
               "the server has made table " + table);
  }
  static bool answered(const std::future<void>& statement) {
    return statement.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  static std::optional<PostgresCluster> cluster_;
  std::optional<TcpProxy> proxy_;
};
std::optional<PostgresCluster> ProxiedServer::cluster_;

TEST_F(ProxiedServer, IsOutOfReachWhileTheNetworkIsCut) {
  auto session = connect();
  EXPECT_EQ(session.value("SELECT 1"), "1");
  proxy_->cut();
  EXPECT_THROW(session.value("SELECT 1"), std::runtime_error);
  EXPECT_THROW(connect(), std::runtime_error);
  proxy_->resume();
  expect_connections_work();
}

TEST_F(ProxiedServer, IsReachedAgainAtOnceAfterAReset) {
  auto session = connect();
  proxy_->reset();
  EXPECT_THROW(session.value("SELECT 1"), std::runtime_error);
  expect_connections_work();
}

TEST_F(ProxiedServer, DoesWhatItIsAskedWhileItsAnswersStall) {
  auto session = connect();
  proxy_->stall(TcpProxy::Direction::to_client);
  auto statement = start(session, "CREATE TABLE stalled ()");
  wait_until_made("stalled");
  EXPECT_FALSE(answered(statement));
  proxy_->resume();
  statement.get();
}

TEST_F(ProxiedServer, IsLostToForgottenConnectionsOnly) {
  auto session = connect();
  proxy_->forget();
  auto statement = start(session, "CREATE TABLE forgotten ()");
  expect_connections_work();
  EXPECT_FALSE(answered(statement));
  EXPECT_EQ(cluster_->value("SELECT to_regclass('forgotten')"), "");
  proxy_.reset();
  EXPECT_THROW(statement.get(), std::runtime_error);
}

TEST_F(ProxiedServer, IsCutOffInTheMiddleOfAnAnswer) {
  auto session = connect();
  proxy_->truncate_after(20);
  EXPECT_EQ(proxy_->connections(), 1u);
  EXPECT_THROW(session.execute("CREATE TABLE truncated (); SELECT repeat('x', 100000)"), std::runtime_error);
  expect_connections_work();
}

TEST_F(ProxiedServer, AnswersOverASlowNetwork) {
  auto session = connect();
  proxy_->slow_down(std::chrono::milliseconds(1), 5);
  EXPECT_EQ(session.value("SELECT repeat('x', 100)").size(), 100u);
}

class EachVersion : public ::testing::TestWithParam<int> {};
PGKEEP_FOR_EACH_VERSION(EachVersion);

TEST_P(EachVersion, SurvivesAKillAndGetsAStandbyThatTakesOver) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
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
