// pgkeep in synchronous_standby_names: commits wait for its fsync, and only while it is named.
#include <csignal>
#include <future>

#include <gmock/gmock.h>

#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

class SynchronousStandby : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static void set_standby_names(const PostgresCluster& cluster, const std::string& names) {
    cluster.execute("ALTER SYSTEM SET synchronous_standby_names = '" + names + "'");
    cluster.execute("SELECT pg_reload_conf()");
  }
  static std::string about_stream(const PostgresCluster& cluster, const std::string& column) {
    return cluster.value("SELECT " + column + " FROM pg_stat_replication WHERE application_name = 'pgkeep'");
  }
  static void wait_until_state(const PostgresCluster& cluster, const std::string& state) {
    wait_until([&] { return about_stream(cluster, "sync_state") == state; }, "pgkeep's stream is " + state);
  }
  /// A commit that goes on in the background.
  static std::future<void> commit(const PostgresCluster& cluster) {
    return std::async(std::launch::async, [session = std::make_shared<PostgresSession>(cluster.session())] {
      session->execute("INSERT INTO rows VALUES (1)");
    });
  }
  static void wait_until_waiting_for_pgkeep(const PostgresCluster& cluster) {
    wait_until(
        [&] {
          return cluster.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1";
        },
        "a commit waits for the synchronous standby");
  }
  static bool done(const std::future<void>& commit) {
    return commit.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  static bool is_archived(const BackupHost& host, const std::string& segment) {
    return std::filesystem::exists(host.repository() / "main/wal" / segment.substr(0, 8) /
                                   segment.substr(8, 8) / (segment + ".zst"));
  }
  static void ends_cleanly(Process& pgkeep) {
    pgkeep.signal(SIGTERM);
    EXPECT_EQ(pgkeep.wait().exit_code, 0);
  }
};
PGKEEP_FOR_VERSIONS(SynchronousStandby, 13, 18);

TEST_P(SynchronousStandby, FollowsEveryChangeOfTheNamesOnOneConnection) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  auto daemon = host.serve(source);
  const auto walsender = about_stream(source, "pid");
  wait_until_state(source, "async");
  for (const auto& [names, state] : std::map<std::string, std::string>{{"pgkeep", "sync"},
                                                                       {"FIRST 1 (pgkeep, other)", "sync"},
                                                                       {"ANY 1 (other, pgkeep)", "quorum"},
                                                                       {"*", "sync"},
                                                                       {"other", "async"}}) {
    SCOPED_TRACE(names);
    set_standby_names(source, names);
    wait_until_state(source, state);
  }
  set_standby_names(source, "");
  wait_until_state(source, "async");
  EXPECT_EQ(about_stream(source, "pid"), walsender);
}

TEST_P(SynchronousStandby, HoldsCommitsBackWhileItIsAway) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  source.execute("CREATE TABLE rows (id int)");
  auto first = host.serve(source);
  set_standby_names(source, "pgkeep");
  wait_until_state(source, "sync");
  commit(source).get();
  ends_cleanly(first);

  auto waiting = commit(source);
  wait_until_waiting_for_pgkeep(source);
  EXPECT_FALSE(done(waiting));
  auto second = host.serve(source);
  waiting.get();
}

TEST_P(SynchronousStandby, IsPotentialBehindAStandbyAndTakesItsPlace) {
  const auto source = PostgresCluster::create(GetParam());
  auto standby = PostgresCluster::standby_of(source);
  const BackupHost host(source);
  source.execute("CREATE TABLE rows (id int)");
  auto daemon = host.serve(source);
  set_standby_names(source, "FIRST 1 (walreceiver, pgkeep)");
  wait_until_state(source, "potential");
  standby.stop();
  wait_until_state(source, "sync");
  commit(source).get();
}

TEST_P(SynchronousStandby, ReportsNothingAsAppliedAndHoldsNoRowsBack) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  auto daemon = host.serve(source);
  source.execute("CREATE TABLE rows (id int)");
  wait_until_flushed(source);
  EXPECT_EQ(about_stream(source, "replay_lsn IS NULL OR replay_lsn = '0/0'"), "t");
  EXPECT_EQ(about_stream(source, "backend_xmin IS NULL"), "t");
  EXPECT_EQ(source.value("SELECT xmin IS NULL FROM pg_replication_slots"), "t");
}

TEST_P(SynchronousStandby, LetsNoCommitWaitForTheIndex) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  source.execute("CREATE TABLE rows (id int)");
  auto daemon = host.serve(source);
  set_standby_names(source, "pgkeep");
  wait_until_state(source, "sync");
  // What somebody does who was stopped while he had the index open.
  auto held = io::File::open_or_create(host.repository() / "main/catalog.db.lock");
  io::lock_alone(held);
  for (int segment = 0; segment < 5; ++segment) {
    commit(source).get();
    const auto full = source.value("SELECT pg_walfile_name(pg_switch_wal())");
    wait_until([&] { return is_archived(host, full); }, full + " is archived");
  }
  wait_until_flushed(source);
  // Who reads goes on too, from the files.
  const auto listed = host.pgkeep({"list-wal", "main"});
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_THAT(listed.err, ::testing::HasSubstr("reading the files themselves"));
  held.close();
  EXPECT_EQ(host.pgkeep({"list-wal", "main"}).exit_code, 0);
}

TEST_P(SynchronousStandby, FrozenUntilItIsThrownOutGoesOnByItself) {
  const auto source = PostgresCluster::create(GetParam(), {.settings = {{"wal_sender_timeout", "1s"}}});
  BackupHost host;
  host.add_server("main", source.conninfo(), {{"status_interval", "300ms"}, {"longest_retry", "1s"}});
  source.execute("CREATE TABLE rows (id int)");
  auto daemon = host.serve(source);
  set_standby_names(source, "pgkeep");
  wait_until_state(source, "sync");
  daemon.signal(SIGSTOP);
  auto waiting = commit(source);
  wait_until([&] { return about_stream(source, "count(*)") == "0"; }, "the server has given pgkeep up");
  EXPECT_FALSE(done(waiting));
  daemon.signal(SIGCONT);
  waiting.get();
  wait_until_state(source, "sync");
}

}  // namespace
}  // namespace pgkeep::test
