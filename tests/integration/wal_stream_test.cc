// The receiver follows its server: through cut networks, restarts, promotions and segments of any size.
#include <csignal>
#include <optional>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

class WalStream : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static void expect_clean_end(Process& receiver) {
    receiver.signal(SIGTERM);
    const auto outcome = receiver.wait();
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  }
  static void add_rows(const PostgresCluster& cluster, int first, int last) {
    cluster.execute("CREATE TABLE IF NOT EXISTS rows (id int, note text)");
    cluster.execute("INSERT INTO rows SELECT i, md5(i::text) FROM generate_series(" + std::to_string(first) +
                    ", " + std::to_string(last) + ") i");
  }
  static std::string count_rows(const PostgresCluster& cluster) {
    return cluster.value("SELECT count(*) FROM rows");
  }
};
PGKEEP_FOR_EACH_VERSION(WalStream);

TEST_P(WalStream, MakesItsSlotAndLeavesAtASignal) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  auto receiver = host.receive_wal(source);
  EXPECT_EQ(
      source.value("SELECT slot_type || ' ' || active FROM pg_replication_slots WHERE slot_name = 'pgkeep'"),
      "physical true");
  add_rows(source, 1, 1000);
  wait_until_flushed(source);
  receiver.signal(SIGINT);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  wait_until(
      [&] {
        return source.value("SELECT active FROM pg_replication_slots WHERE slot_name = 'pgkeep'") == "f";
      },
      "the slot is free");
}

TEST_P(WalStream, GoesOnAfterACutNetworkAndARestartedServer) {
  auto source = PostgresCluster::create(GetParam());
  TcpProxy network(source.port());
  BackupHost host;
  host.add_server("main",
                  "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(network.port()),
                  {{"longest_retry", "1s"}});
  auto receiver = host.receive_wal(source);
  host.backup();
  add_rows(source, 1, 1000);
  wait_until_flushed(source);
  network.cut();
  add_rows(source, 1001, 2000);
  network.resume();
  wait_until_flushed(source);
  source.restart();  // which a receiver that answers wrongly would hold up
  add_rows(source, 2001, 3000);
  wait_until_flushed(source);
  expect_clean_end(receiver);
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "recovered")), "3000");
}

TEST_P(WalStream, FollowsAPromotionAndRecoversAcrossIt) {
  auto primary = PostgresCluster::create(GetParam());
  auto standby = PostgresCluster::standby_of(primary);
  BackupHost host;
  host.add_server("main", standby.conninfo());
  add_rows(primary, 1, 1000);
  auto receiver = host.receive_wal(standby);
  primary.execute(
      "CHECKPOINT");  // which a backup from a standby cannot ask for, and would start far back without
  add_rows(primary, 1001, 2000);
  host.backup();
  const auto before = primary.current_lsn();
  wait_until_flushed(standby, before);
  primary.lose();
  standby.promote();
  standby.wait_until_recovered();
  add_rows(standby, 2001, 3000);
  wait_until_flushed(standby);
  expect_clean_end(receiver);
  const auto recovered = recover_and_start(host, GetParam(), "latest", "recovered");
  EXPECT_EQ(count_rows(recovered), "3000");
  EXPECT_EQ(recovered.value("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"), "00000003");
}

TEST_P(WalStream, FollowsTheConfigurationToTheNewPrimary) {
  // The new primary must still have the segment that the switch falls into.
  auto primary = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "512MB"}}});
  auto standby = PostgresCluster::standby_of(primary);
  BackupHost host(primary);
  {
    auto receiver = host.receive_wal(primary);
    host.backup();
    add_rows(primary, 1, 1000);
    wait_until_flushed(primary);
    expect_clean_end(receiver);
  }
  add_rows(primary, 1001, 2000);
  const auto last = primary.current_lsn();
  wait_until(
      [&] { return standby.value("SELECT pg_last_wal_replay_lsn() >= '" + last + "'::pg_lsn") == "t"; },
      "the standby has caught up");
  primary.lose();
  standby.promote();
  standby.wait_until_recovered();
  host.set_conninfo("main", standby.conninfo());
  auto receiver = host.receive_wal(standby);
  add_rows(standby, 2001, 3000);
  wait_until_flushed(standby);
  expect_clean_end(receiver);
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "recovered")), "3000");
}

class SegmentSize : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Postgres, SegmentSize, ::testing::Values(1, 64),  // MiB
                         ::testing::PrintToStringParamName());

TEST_P(SegmentSize, IsTakenFromTheServer) {
  PGKEEP_NEEDS_POSTGRES(18);
  const auto source =
      PostgresCluster::create(18, {.initdb = {"--wal-segsize=" + std::to_string(GetParam())}});
  const BackupHost host(source);
  auto receiver = host.receive_wal(source);
  host.backup();
  source.pgbench_init(1);
  for (int i = 0; i < 3; ++i) {
    source.pgbench(200);
    host.pgkeep_or_throw({"switch-wal", "main"});
  }
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_EQ(contents(recover_and_start(host, 18, "latest", "recovered")), contents(source));
}

}  // namespace
}  // namespace pgkeep::test
