// The receiver follows a primary and its standby wherever the primary is, and knows what it could not get.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Makes the stopped `old_one` a standby of `primary`, whatever of its WAL is not the primary's.
void rewind_and_follow(PostgresCluster& old_one, const PostgresCluster& primary) {
  // What pg_rewind compares with must be in the primary's pg_control, which a promotion leaves for later.
  primary.execute("CHECKPOINT");
  run_or_throw(
      old_one.program({"pg_rewind", "--target-pgdata", old_one.data_directory().native(), "--source-server",
                       primary.conninfo(), "--write-recovery-conf", "--no-sync"}));
  old_one.start();
}

/// Makes the stopped server a standby, of the server in `conninfo`.
void become_standby(const PostgresCluster& cluster, const std::string& conninfo) {
  cluster.append_to_conf("primary_conninfo = '" + conninfo + "'");
  std::ofstream(cluster.data_directory() / "standby.signal");
}

/// The names of the slots.
std::string slots(const PostgresCluster& cluster) {
  return cluster.value("SELECT coalesce(string_agg(slot_name, ','), '') FROM pg_replication_slots");
}

class Failover : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }
};
PGKEEP_FOR_EACH_VERSION(Failover);

TEST_P(Failover, TenSwitchesUnderLoadLeaveOneHistory) {
  // The new primary must still have what was not received from the old one.
  auto first = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "1GB"}}});
  first.pgbench_init(1);
  auto second = PostgresCluster::standby_of(first);
  BackupHost host;
  host.add_server("main", conninfo_of(first, second), {{"longest_retry", "1s"}});
  auto receiver = host.receive_wal(first);
  host.backup();

  auto* primary = &first;
  auto* standby = &second;
  for (int turn = 0; turn < 10; ++turn) {
    {
      const auto load = primary->pgbench_throughout();
      wait_until_flushed(*primary);
      wait_until_replayed(*standby, primary->current_lsn());
      primary->stop(turn % 2 == 0 ? Shutdown::immediate : Shutdown::fast);
    }
    standby->promote();
    standby->wait_until_recovered();
    std::swap(primary, standby);
    wait_until_streaming(*primary);
    rewind_and_follow(*standby, *primary);
  }
  primary->pgbench(100);
  wait_until_flushed(*primary);
  end_in_order(receiver);
  EXPECT_THAT(events(host), Not(Contains("gap")));
  EXPECT_THAT(events(host), Not(Contains("split_brain")));
  const auto recovered = recover_and_start(host, GetParam(), "latest", "recovered");
  EXPECT_EQ(contents(recovered), contents(*primary));
}

TEST_P(Failover, AnOldPrimaryThatComesBackIsKeptApart) {
  auto old_one = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "512MB"}}});
  auto new_one = PostgresCluster::standby_of(old_one);
  BackupHost host(old_one);
  {
    auto receiver = host.receive_wal(old_one);
    host.backup();
    add_rows(old_one, 1, 1000);
    wait_until_flushed(old_one);
    wait_until_replayed(new_one, old_one.current_lsn());
    old_one.stop();
    end_in_order(receiver);
  }
  new_one.promote();
  new_one.wait_until_recovered();
  host.set_conninfo("main", new_one.conninfo());
  {
    auto receiver = host.receive_wal(new_one);
    add_rows(new_one, 1001, 2000);
    wait_until_flushed(new_one);
    end_in_order(receiver);
  }
  old_one.start();
  add_rows(old_one, 5001, 5010);
  host.set_conninfo("main", old_one.conninfo());
  const auto refused = host.pgkeep({"receive-wal", "main"});
  EXPECT_EQ(refused.exit_code, 6) << refused.text();
  EXPECT_THAT(events(host), Contains("split_brain"));
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "recovered")), "2000");
}

TEST_P(Failover, OfAPrimaryAndAnOldOneTheNewOneIsFollowed) {
  auto old_one = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "512MB"}}});
  auto new_one = PostgresCluster::standby_of(old_one);
  BackupHost host;
  host.add_server("main", conninfo_of(old_one, new_one), {{"longest_retry", "1s"}});
  auto receiver = host.receive_wal(old_one);
  host.backup();
  add_rows(old_one, 1, 1000);
  wait_until_replayed(new_one, old_one.current_lsn());
  old_one.stop();
  new_one.promote();
  new_one.wait_until_recovered();
  // Streaming is also what sends the rest of the old timeline; only WAL of the new one makes the old one
  // wrong.
  wait_until_flushed(new_one);
  old_one.start();  // nobody has told it
  new_one.restart();
  wait_until_streaming(new_one);
  add_rows(new_one, 1001, 2000);
  wait_until_flushed(new_one);
  EXPECT_EQ(old_one.value("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pgkeep'"), "0");
  end_in_order(receiver);
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "recovered")), "2000");
}

TEST_P(Failover, ABackupIsTakenOfTheNewPrimaryThoughTheOldOneIsUp) {
  auto old_one = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "512MB"}}});
  auto new_one = PostgresCluster::standby_of(old_one);
  BackupHost host;
  host.add_server("main", conninfo_of(old_one, new_one), {{"longest_retry", "1s"}});
  auto receiver = host.receive_wal(old_one);
  add_rows(old_one, 1, 1000);
  wait_until_replayed(new_one, old_one.current_lsn());
  old_one.stop();
  new_one.promote();
  new_one.wait_until_recovered();
  wait_until_flushed(new_one);
  old_one.start();  // nobody has told it
  add_rows(new_one, 1001, 2000);

  const auto taken = host.backup();
  wait_until_flushed(new_one);
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), taken, "recovered")), "2000");

  // With the old one alone to choose from, none is taken at all; the stream does not come into it.
  host.set_conninfo("main", old_one.conninfo());
  const auto refused = host.pgkeep({"backup", "main"});
  EXPECT_EQ(refused.exit_code, 6) << refused.text();
  EXPECT_THAT(refused.err, HasSubstr("is on timeline 1, but WAL of timeline 2 was received already"));
  EXPECT_THAT(host.backup_ids(), ElementsAre(taken));
  end_in_order(receiver);
}

TEST_P(Failover, APromotedStandbyThatIsBehindIsFollowedAndTheRestStays) {
  auto primary = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "512MB"}}});
  auto standby = PostgresCluster::standby_of(primary);
  BackupHost host(primary);
  {
    auto receiver = host.receive_wal(primary);
    add_rows(primary, 1, 1000);
    host.backup();
    wait_until_replayed(standby, primary.current_lsn());
    standby.stop();
    for (int segment = 0; segment < 3; ++segment) {
      add_rows(primary, 1001 + segment * 100, 1100 + segment * 100);
      primary.execute("SELECT pg_switch_wal()");
    }
    add_rows(primary, 1301, 1400);
    wait_until_flushed(primary);
    primary.lose();
    end_in_order(receiver);
  }
  standby.start();
  standby.promote();
  standby.wait_until_recovered();
  host.set_conninfo("main", standby.conninfo());
  auto receiver = host.receive_wal(standby);
  add_rows(standby, 2001, 2010);
  wait_until_flushed(standby);
  end_in_order(receiver);
  EXPECT_THAT(events(host), Contains("branch_left"));
  EXPECT_THAT(events(host), Not(Contains("gap")));
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "new_line")), "1010");
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "old_line", {"--target-tli", "1"})),
            "1400");
}

// The standby that is promoted has less of the segment than pgkeep, which is connected to it already.
TEST_P(Failover, CommitsDoNotWaitForWalThatTheNewPrimaryNeverHad) {
  auto first = PostgresCluster::create(GetParam());
  auto second = PostgresCluster::standby_of(first);
  BackupHost host;
  host.add_server("main", conninfo_of(first, second), {{"longest_retry", "1s"}});
  auto receiver = host.receive_wal(first);
  add_rows(first, 1, 10);
  wait_until_replayed(second, first.current_lsn());
  second.execute("ALTER SYSTEM SET primary_conninfo = ''");
  second.execute("SELECT pg_reload_conf()");
  wait_until([&] { return second.value("SELECT count(*) FROM pg_stat_wal_receiver") == "0"; },
             "the standby receives no more");
  add_rows(first, 11, 5000);
  wait_until_flushed(first);
  first.stop(Shutdown::immediate);
  wait_until_streaming(second);
  second.promote();
  second.wait_until_recovered();
  second.execute("INSERT INTO rows VALUES (0, 'after')");
  wait_until_flushed(second);  // as a commit would, if pgkeep were its synchronous standby
  EXPECT_EQ(count_rows(second), "11");
  end_in_order(receiver);
  EXPECT_THAT(events(host), Contains("branch_left"));
}

TEST_P(Failover, ACleanSwitchoverLeavesNoSlotOnTheStandby) {
  auto first = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "512MB"}}});
  auto second = PostgresCluster::standby_of(first);
  BackupHost host;
  host.add_server("main", conninfo_of(first, second), {{"longest_retry", "1s"}});
  auto receiver = host.receive_wal(first);
  EXPECT_EQ(slots(first), "pgkeep");
  wait_until_replayed(second, first.current_lsn());
  first.stop();
  second.promote();
  second.wait_until_recovered();
  wait_until_streaming(second);
  become_standby(first, second.conninfo());
  first.start();
  wait_until([&] { return slots(first).empty(); }, "the slot on the old primary is dropped");
  EXPECT_EQ(slots(second), "pgkeep");
  add_rows(second, 1, 10);
  wait_until_flushed(second);
  end_in_order(receiver);
  EXPECT_THAT(events(host), Contains("slot_dropped").Times(1));
}

TEST_P(Failover, ABranchIsRefusedWhoseParentOnlyHasTheNumberOfOurs) {
  auto primary = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "512MB"}}});
  auto ours = PostgresCluster::standby_of(primary);
  auto other = PostgresCluster::standby_of(primary);
  wait_until_replayed(other, primary.current_lsn());
  other.promote();  // timeline 2 from here
  other.wait_until_recovered();
  add_rows(primary, 1, 1000);
  wait_until_replayed(ours, primary.current_lsn());
  primary.lose();
  ours.promote();  // and from there
  ours.wait_until_recovered();
  BackupHost host(ours);
  {
    auto receiver = host.receive_wal(ours);
    add_rows(ours, 1001, 2000);
    wait_until_flushed(ours);
    end_in_order(receiver);
  }
  other.execute("CHECKPOINT");
  other.stop();
  become_standby(other, "");
  other.start();
  other.promote();  // timeline 3
  other.wait_until_recovered();
  host.set_conninfo("main", other.conninfo());
  const auto refused = host.pgkeep({"receive-wal", "main"});
  EXPECT_EQ(refused.exit_code, 6) << refused.text();
  EXPECT_THAT(refused.text(), testing::HasSubstr("two branches"));
  EXPECT_THAT(events(host), Contains("split_brain"));
}

/// Timeline 2 was begun by a standby that was lost; the one that took over knows only its history.
TEST_P(Failover, ATimelineOfWhichTheNewPrimaryNeverHadWalIsNoHole) {
  auto primary = PostgresCluster::create(GetParam(), {.settings = {{"wal_keep_size", "512MB"}}});
  auto lost = PostgresCluster::standby_of(primary);
  auto successor = PostgresCluster::standby_of(primary);
  BackupHost host(primary);
  {
    auto receiver = host.receive_wal(primary);
    host.backup();
    add_rows(primary, 1, 100);
    wait_until_flushed(primary);
    wait_until_replayed(lost, primary.current_lsn());
    wait_until_replayed(successor, primary.current_lsn());
    end_in_order(receiver);
  }
  successor.stop();
  primary.lose();
  lost.promote();
  lost.wait_until_recovered();
  const auto history = lost.data_directory() / "pg_wal" / "00000002.history";
  run_or_throw({{"cp", "-p", history.native(), (successor.data_directory() / "pg_wal").native()}});
  lost.lose();
  successor.append_to_conf("primary_conninfo = ''", "postgresql.auto.conf");
  successor.start();
  successor.promote();  // timeline 3, from the same position
  successor.wait_until_recovered();
  ASSERT_EQ(successor.value("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"), "00000003");

  host.set_conninfo("main", successor.conninfo());
  auto receiver = host.receive_wal(successor);
  add_rows(successor, 101, 200);
  wait_until_flushed(successor);
  end_in_order(receiver);
  EXPECT_THAT(events(host), Not(Contains("gap")));
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "recovered")), "200");
}

}  // namespace
}  // namespace pgkeep::test
