// pgkeep in synchronous_standby_names: commits wait for its fsync, and only while it is named.
#include <csignal>
#include <functional>
#include <future>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "tests/integration/two_hosts.h"
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
  /// A commit that goes on in the background. One that waits in vain returns at last, but later than
  /// returns() waits for it: the server only warns when it ends that wait.
  static std::future<void> commit(const PostgresCluster& cluster) {
    return std::async(std::launch::async, [session = std::make_shared<PostgresSession>(cluster.session())] {
      session->execute(fmt::format("SET statement_timeout = '{}s'", 2 * kPatience.count()));
      session->execute("INSERT INTO rows VALUES (1)");
    });
  }
  static void returns(std::future<void> commit) {
    wait_until([&] { return done(commit); }, "the commit returns");
    commit.get();
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
  static void stop_receiving(const PostgresCluster& standby) {
    standby.execute("ALTER SYSTEM SET primary_conninfo = ''");
    standby.execute("SELECT pg_reload_conf()");
    wait_until([&] { return standby.value("SELECT count(*) FROM pg_stat_wal_receiver") == "0"; },
               "the standby receives no more");
  }
  /// pgkeep is the synchronous standby of a primary, and then of the standby that is promoted though it has
  /// less of the segment than pgkeep. `lose` ends the first one, promotes the second and returns when pgkeep
  /// is connected to it.
  void fail_over(const std::function<void(PostgresCluster& first, PostgresCluster& second)>& lose) {
    auto first = PostgresCluster::create(GetParam());
    auto second = PostgresCluster::standby_of(first);
    BackupHost host;
    host.add_server("main", conninfo_of(first, second), {{"longest_retry", "1s"}});
    auto daemon = host.serve(first);
    for (const auto* server : {&first, &second}) set_standby_names(*server, "pgkeep");
    wait_until_state(first, "sync");
    first.execute("CREATE TABLE rows (id int)");
    wait_until_replayed(second, first.current_lsn());
    stop_receiving(second);
    first.execute("INSERT INTO rows SELECT generate_series(1, 5000)");  // returns when pgkeep has it
    const auto received = first.current_lsn();
    lose(first, second);
    wait_until_state(second, "sync");
    returns(commit(second));
    // Else the commit proves nothing: what is sent has not come to where it was before.
    EXPECT_EQ(second.value("SELECT pg_current_wal_flush_lsn() < '" + received + "'::pg_lsn"), "t");
    EXPECT_EQ(second.value("SELECT count(*) FROM rows"), "1");
  }
  static void ends_cleanly(Process& pgkeep) {
    pgkeep.signal(SIGTERM);
    EXPECT_EQ(pgkeep.wait().exit_code, 0);
  }
};
PGKEEP_FOR_EACH_VERSION(SynchronousStandby);

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
  returns(commit(source));
  ends_cleanly(first);

  auto waiting = commit(source);
  wait_until_waiting_for_pgkeep(source);
  EXPECT_FALSE(done(waiting));
  auto second = host.serve(source);
  returns(std::move(waiting));
}

TEST_P(SynchronousStandby, LetsNoCommitWaitForWalThatTheServerItIsConnectedToNeverHad) {
  fail_over([](auto& first, auto& second) {
    first.stop(Shutdown::immediate);
    wait_until_streaming(second);
    second.promote();
    second.wait_until_recovered();
  });
}

TEST_P(SynchronousStandby, LetsNoCommitWaitForWalThatTheServerItConnectsToNeverHad) {
  fail_over([](auto& first, auto& second) {
    second.promote();
    second.wait_until_recovered();
    first.stop(Shutdown::immediate);
    wait_until_streaming(second);
  });
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
  returns(commit(source));
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
    returns(commit(source));
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
  returns(std::move(waiting));
  wait_until_state(source, "sync");
}

}  // namespace
}  // namespace pgkeep::test
