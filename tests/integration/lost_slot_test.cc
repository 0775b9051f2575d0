// A slot that the server has given up, and the WAL that is missing since.
#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"

namespace pgkeep::test {
namespace {

using testing::Contains;
using testing::Not;

class LostSlot : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static ClusterOptions forgetful() {
    return {
        .initdb = {"--wal-segsize=1"},
        .settings = {{"max_slot_wal_keep_size", "4MB"}, {"min_wal_size", "2MB"}, {"max_wal_size", "4MB"}}};
  }
  static std::string slot_status(const PostgresCluster& cluster) {
    return cluster.value("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'pgkeep'");
  }
  /// Rows from `first` on, until the server has given up the slot; the last row.
  static int write_until_lost(const PostgresCluster& primary, int first,
                              const PostgresCluster* standby = nullptr) {
    int last = first - 1;
    wait_until(
        [&] {
          add_rows(primary, last + 1, last + 5000);
          last += 5000;
          primary.execute("SELECT pg_switch_wal()");
          if (standby != nullptr) wait_until_replayed(*standby, primary.current_lsn());
          primary.execute("CHECKPOINT");
          return slot_status(primary) == "lost";
        },
        "the slot is lost");
    return last;
  }
};
PGKEEP_FOR_EACH_VERSION(LostSlot);

TEST_P(LostSlot, LeavesAGapThatIsKnownAndWalBehindIt) {
  const auto source = PostgresCluster::create(GetParam(), forgetful());
  const BackupHost host(source);
  {
    auto receiver = host.receive_wal(source);
    host.backup();
    add_rows(source, 1, 1000);
    wait_until_flushed(source);
    end_in_order(receiver);
  }
  const auto last = write_until_lost(source, 1001);
  auto receiver = host.receive_wal(source);
  wait_until_flushed(source);
  EXPECT_THAT(events(host), Contains("slot_lost"));
  EXPECT_THAT(events(host), Contains("gap").Times(1));
  EXPECT_NE(slot_status(source), "lost");
  host.backup();
  add_rows(source, last + 1, last + 10);
  wait_until_flushed(source);
  end_in_order(receiver);

  auto again = host.receive_wal(source);  // what is known to be lost is not asked for again
  wait_until_flushed(source);
  end_in_order(again);
  EXPECT_THAT(events(host), Contains("gap").Times(1));
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "recovered")),
            std::to_string(last + 10));
}

TEST_P(LostSlot, IsMadeUpForByTheOtherNode) {
  auto primary = PostgresCluster::create(GetParam(), forgetful());
  auto standby = PostgresCluster::standby_of(primary);
  standby.append_to_conf("wal_keep_size = '1GB'");
  standby.restart();
  BackupHost host;
  host.add_server("main", conninfo_of(primary, standby), {{"longest_retry", "1s"}});
  {
    auto receiver = host.receive_wal(primary);
    host.backup();
    add_rows(primary, 1, 1000);
    wait_until_flushed(primary);
    end_in_order(receiver);
  }
  const auto last = write_until_lost(primary, 1001, &standby);
  auto receiver = host.receive_wal(primary);
  wait_until_flushed(primary);
  end_in_order(receiver);
  EXPECT_THAT(events(host), Not(Contains("gap")));
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "recovered")), std::to_string(last));
}

TEST_P(LostSlot, IsNoReasonToGiveUpWalThatAnotherNodeHasWhichIsDown) {
  auto primary = PostgresCluster::create(GetParam(), forgetful());
  auto standby = PostgresCluster::standby_of(primary);
  standby.append_to_conf("wal_keep_size = '1GB'");
  standby.restart();
  BackupHost host;
  host.add_server("main", conninfo_of(primary, standby), {{"longest_retry", "10s"}});
  {
    auto receiver = host.receive_wal(primary);
    add_rows(primary, 1, 1000);
    wait_until_flushed(primary);
    end_in_order(receiver);
  }
  write_until_lost(primary, 1001, &standby);
  standby.stop();
  auto receiver = host.start_pgkeep({"receive-wal", "main"});
  receiver.wait_for_output("not all answer");
  standby.start();
  wait_until_flushed(primary);
  end_in_order(receiver);
  EXPECT_THAT(events(host), Not(Contains("gap")));
}

TEST_P(LostSlot, LeavesAGapWhenTheOtherNodeDoesNotComeBack) {
  auto primary = PostgresCluster::create(GetParam(), forgetful());
  auto standby = PostgresCluster::standby_of(primary);
  BackupHost host;
  host.add_server("main", conninfo_of(primary, standby), {{"longest_retry", "1s"}});
  {
    auto receiver = host.receive_wal(primary);
    add_rows(primary, 1, 1000);
    wait_until_flushed(primary);
    end_in_order(receiver);
  }
  standby.stop();
  write_until_lost(primary, 1001);
  auto receiver = host.receive_wal(primary);
  wait_until_flushed(primary);
  end_in_order(receiver);
  EXPECT_THAT(events(host), Contains("gap").Times(1));
}

TEST_P(LostSlot, ForIdlenessIsMadeAnewAndNothingIsMissing) {
  if (GetParam() < 18) GTEST_SKIP() << "only PostgreSQL 18 and later invalidate idle slots";
  const auto source = PostgresCluster::create(
      GetParam(), {.settings = {{"idle_replication_slot_timeout", "1s"}, {"wal_keep_size", "1GB"}}});
  const BackupHost host(source);
  {
    auto receiver = host.receive_wal(source);
    host.backup();
    add_rows(source, 1, 1000);
    wait_until_flushed(source);
    end_in_order(receiver);
  }
  wait_until(
      [&] {
        source.execute("CHECKPOINT");
        return slot_status(source) == "lost";
      },
      "the slot is invalidated");
  add_rows(source, 1001, 2000);
  auto receiver = host.receive_wal(source);
  wait_until_flushed(source);
  EXPECT_EQ(slot_status(source), "reserved");
  end_in_order(receiver);
  EXPECT_THAT(events(host), Contains("slot_lost"));
  EXPECT_THAT(events(host), Not(Contains("gap")));
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "recovered")), "2000");
}

TEST_P(LostSlot, IsNoReasonToDropOneOfAnother) {
  const auto source = PostgresCluster::create(GetParam(), forgetful());
  source.execute("SELECT pg_create_physical_replication_slot('pgkeep', true)");
  const BackupHost host(source);
  {
    auto receiver = host.receive_wal(source);
    wait_until_flushed(source);
    end_in_order(receiver);
  }
  EXPECT_EQ(host.pgkeep({"drop-slot", "main"}).exit_code, 6);
  host.pgkeep_or_throw({"drop-slot", "main", "--force"});
  host.pgkeep_or_throw({"create-slot", "main"});
  host.pgkeep_or_throw({"drop-slot", "main"});
  source.execute("SELECT pg_create_physical_replication_slot('pgkeep', true)");
  host.pgkeep_or_throw({"drop-slot", "--conninfo", source.conninfo(), "--slot", "pgkeep"});
  EXPECT_EQ(source.value("SELECT count(*) FROM pg_replication_slots"), "0");
}

}  // namespace
}  // namespace pgkeep::test
