// One daemon keeps a stream to every server: whatever happens to one of them, and whatever the operator
// changes.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "catalog/io/sealed_json.h"
#include "catalog/records/stream_state.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/daemon_report.h"
#include "tests/support/database_contents.h"
#include "tests/support/port_lease.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Daemon : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  /// A server of the configuration that has a slot of its own name.
  void add_server(const std::string& name, const std::string& conninfo,
                  std::map<std::string, std::string> keys = {}) {
    keys.try_emplace("slot", name);
    keys.try_emplace("longest_retry", "1s");
    keys.try_emplace("watch_interval", "1s");
    host_.add_server(name, conninfo, keys);
  }
  static std::string through(const TcpProxy& network) {
    return "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(network.port());
  }
  nlohmann::json report_of(const std::string& server) const {
    const auto report = daemon_report(host_.repository());
    for (const auto& reported : report.at("servers"))
      if (reported.at("name") == server) return reported;
    return nullptr;
  }
  std::string phase(const std::string& server) const { return host_.stream_state(server).at("phase"); }
  void wait_until_phase(const std::string& server, const std::string& wanted) const {
    wait_until([&] { return phase(server) == wanted; }, server + " is " + wanted);
  }
  /// In the file, which is what other processes go by, and which is behind the stream.
  void wait_until_noted_as_streaming() const {
    const store::ServerLayout layout(host_.repository() / "main");
    wait_until(
        [&] {
          const auto state = catalog::read_stream_state(layout);
          return state && state->phase == catalog::StreamPhase::streaming;
        },
        "the daemon has noted that it receives");
  }
  /// The process that sends the WAL of a slot; empty while nobody takes it.
  static std::string sender(const PostgresCluster& cluster, const std::string& slot) {
    const auto rows =
        cluster.rows("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '" + slot + "'");
    return rows.empty() ? "" : rows[0][0];
  }
  static void wait_until_sending(const PostgresCluster& cluster, const std::string& slot) {
    wait_until([&] { return !sender(cluster, slot).empty(); }, slot + " is in use");
  }
  static void write_wal(const PostgresCluster& cluster, int megabytes) {
    cluster.execute("CREATE TABLE IF NOT EXISTS filler (content text)");
    // Random, so that it does not shrink on its way.
    cluster.execute("INSERT INTO filler SELECT string_agg(md5(random()::text), '') FROM generate_series(1, " +
                    std::to_string(megabytes) + ") m, generate_series(1, 32768) i GROUP BY m");
  }
  std::string events(const std::string& server) const {
    const auto path = host_.repository() / server / "events.jsonl";
    return std::filesystem::exists(path) ? read_file(path) : "";
  }

  BackupHost host_;
};
PGKEEP_FOR_EACH_VERSION(Daemon);

TEST_P(Daemon, KeepsTheTroubleOfOneServerFromAnother) {
  const auto cluster = PostgresCluster::create(GetParam());
  const PortLease nobody;
  add_server("dead", "host=127.0.0.1 user=postgres port=" + std::to_string(nobody.number()));
  add_server("good", cluster.conninfo());
  add_server("stranger", cluster.conninfo("postgres", "stranger"));
  auto daemon = host_.serve(cluster);
  const auto before = sender(cluster, "good");
  wait_until_phase("dead", "waiting");
  wait_until_phase("stranger", "blocked");
  write_wal(cluster, 1);
  wait_until_flushed(cluster);
  EXPECT_THAT(host_.stream_state("dead").at("cause"), HasSubstr(std::to_string(nobody.number())));
  EXPECT_THAT(host_.stream_state("stranger").at("cause"), HasSubstr("stranger"));
  EXPECT_THAT(host_.stream_state("stranger").at("next_try"), HasSubstr("Z"));
  EXPECT_EQ(sender(cluster, "good"), before);
  EXPECT_EQ(host_.stream_state("good").at("reconnects"), 0);
  EXPECT_THAT(read_file(host_.repository() / "dead" / "stream.json"), HasSubstr("\"waiting\""));
}

TEST_P(Daemon, IsAloneWithItsRepository) {
  const auto cluster = PostgresCluster::create(GetParam());
  add_server("main", cluster.conninfo());
  auto daemon = host_.serve(cluster);
  const auto second = host_.pgkeep({"serve"});
  EXPECT_EQ(second.exit_code, 4) << second.text();
  EXPECT_THAT(second.err, HasSubstr("process " + std::to_string(daemon.pid())));
  const auto receiver = host_.pgkeep({"receive-wal", "main"});
  EXPECT_EQ(receiver.exit_code, 4) << receiver.text();
  EXPECT_THAT(receiver.err, HasSubstr(std::to_string(daemon.pid())));
}

TEST_P(Daemon, TakesAChangedConfigurationAndLeavesTheOtherStreamsAlone) {
  const auto cluster = PostgresCluster::create(GetParam());
  cluster.pgbench_init(1);
  for (const std::string name : {"changed", "kept", "removed"}) add_server(name, cluster.conninfo());
  auto daemon = host_.serve(cluster, 3);
  const auto load = cluster.pgbench_throughout();
  const auto kept = sender(cluster, "kept");
  const auto changed = sender(cluster, "changed");
  host_.remove_server("removed");
  host_.set_conninfo("changed", cluster.conninfo() + " keepalives_idle=77");
  add_server("added", cluster.conninfo());
  daemon.signal(SIGHUP);
  wait_until_sending(cluster, "added");
  wait_until([&] { return sender(cluster, "removed").empty(); }, "the removed server is left");
  wait_until([&] { return !sender(cluster, "changed").empty() && sender(cluster, "changed") != changed; },
             "the changed server is connected to anew");
  EXPECT_EQ(sender(cluster, "kept"), kept);
  EXPECT_TRUE(report_of("removed").is_null());
  EXPECT_THAT(daemon.err(), HasSubstr("drop-slot --conninfo"));
}

TEST_P(Daemon, KeepsTheConfigurationThatIsRightWhenAnotherIsWrong) {
  const auto cluster = PostgresCluster::create(GetParam());
  add_server("main", cluster.conninfo());
  auto daemon = host_.serve(cluster);
  const auto before = sender(cluster, "main");
  const auto good = read_file(host_.config_file());
  std::ofstream(host_.config_file()) << good << "    slott: other\n";
  // By the signal: a command of pgkeep would see the mistake by itself.
  daemon.signal(SIGHUP);
  daemon.wait_for_output("slott: unknown key");
  EXPECT_THAT(daemon_report(host_.repository()).at("config_problem"), HasSubstr("slott"));
  EXPECT_EQ(sender(cluster, "main"), before);
  std::ofstream(host_.config_file()) << good;
  const auto report = host_.json({"reload"});
  EXPECT_EQ(report.at("unchanged"), nlohmann::json::array({"main"}));
  EXPECT_THAT(daemon_report(host_.repository()).at("config_problem"), "");
  EXPECT_EQ(sender(cluster, "main"), before);
}

TEST_P(Daemon, EndsSoonThoughAServerHangs) {
  const auto cluster = PostgresCluster::create(GetParam());
  TcpProxy network(cluster.port());
  add_server("near", cluster.conninfo());
  add_server("far", through(network));
  auto daemon = host_.serve(cluster, 2);
  network.stall();
  write_wal(cluster, 1);
  daemon.signal(SIGTERM);
  const auto outcome = daemon.wait(std::chrono::seconds(30));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_THAT(read_file(host_.repository() / "far" / "stream.json"), HasSubstr("\"stopped\""));
}

TEST_P(Daemon, LetsABackupBeTakenBesideIt) {
  const auto cluster = PostgresCluster::create(GetParam());
  add_server("main", cluster.conninfo());
  auto daemon = host_.serve(cluster);
  const auto before = sender(cluster, "main");
  host_.backup();
  write_wal(cluster, 1);
  wait_until_flushed(cluster);
  EXPECT_EQ(sender(cluster, "main"), before);
  EXPECT_EQ(contents(recover_and_start(host_, GetParam(), "latest", "recovered")), contents(cluster));
}

TEST_P(Daemon, ShowsABackupThatOnlyWaitsForWal) {
  const auto cluster = PostgresCluster::create(GetParam());
  add_server("main", cluster.conninfo());
  auto daemon = host_.serve(cluster);
  wait_until_noted_as_streaming();
  daemon.signal(SIGSTOP);
  auto backup = host_.start_pgkeep({"backup", "main"});
  const auto listed = [&] { return host_.json({"list-backups", "main"}); };
  wait_until([&] { return listed().size() == 1 && listed()[0].at("status") == "WAITING_FOR_WALS"; },
             "the backup waits for WAL");
  const std::string id = listed()[0].at("id");
  EXPECT_THAT(host_.pgkeep_or_throw({"show-backup", "main", id}), HasSubstr("WAITING_FOR_WALS"));
  EXPECT_THAT(host_.backup_ids(), IsEmpty());
  daemon.signal(SIGCONT);
  const auto outcome = backup.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_EQ(listed()[0].at("id"), id);
  EXPECT_EQ(listed()[0].at("status"), "DONE");
}

TEST_P(Daemon, FailsABackupWhoseWalIsLostWhileItWaits) {
  const auto cluster = PostgresCluster::create(GetParam());
  add_server("main", cluster.conninfo());
  auto daemon = host_.serve(cluster);
  wait_until_noted_as_streaming();
  daemon.signal(SIGSTOP);
  auto backup = host_.start_pgkeep({"backup", "main"});
  const auto listed = [&] { return host_.json({"list-backups", "main"}); };
  wait_until([&] { return listed().size() == 1 && listed()[0].at("status") == "WAITING_FOR_WALS"; },
             "the backup waits for WAL");
  std::ofstream(host_.repository() / "main" / "events.jsonl", std::ios::app)
      << io::seal_json(R"({"at":"2026-01-01T00:00:00.000000Z","kind":"gap","cause":"the server removed it",)"
                       R"("timeline":1,"begin":"0/0","end":"1/0"})")
      << '\n';
  const auto outcome = backup.wait();
  daemon.signal(SIGCONT);
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("the server removed it"), HasSubstr("Nothing of the backup is kept")));
  EXPECT_THAT(host_.backup_ids(), IsEmpty());
}

/// The slot is given up while the stream is slow, so that the server removes WAL before it has come here.
TEST_P(Daemon, ProtectsThePrimaryAndBacksUpAnew) {
  const auto cluster =
      PostgresCluster::create(GetParam(), {.settings = {{"min_wal_size", "32MB"}, {"max_wal_size", "64MB"}}});
  TcpProxy network(cluster.port());
  add_server("main", through(network), {{"protect_primary", "{retain_at_most: 64MiB}"}});
  auto daemon = host_.serve(cluster);
  const auto first = host_.backup();
  network.slow_down(std::chrono::milliseconds(50), 8192);
  write_wal(cluster, 160);
  wait_until([&] { return events("main").find("slot_given_up") != std::string::npos; },
             "the slot is given up");
  // What is being sent would come to the end of its segment, though the server has removed that.
  network.cut();
  cluster.execute("CHECKPOINT");
  network.resume();
  wait_until([&] { return events("main").find("\"gap\"") != std::string::npos; },
             "the WAL that was removed is known to be lost");
  wait_until([&] { return host_.backup_ids().size() >= 2; }, "the daemon has taken a base backup");
  write_wal(cluster, 1);
  wait_until_flushed(cluster);
  EXPECT_EQ(contents(recover_and_start(host_, GetParam(), "latest", "recovered")), contents(cluster));
  EXPECT_THAT(report_of("main").at("backup"), "");
}

TEST_P(Daemon, LeavesASlotAloneThatAnApplicationOwns) {
  const auto cluster = PostgresCluster::create(GetParam(), {.settings = {{"wal_level", "logical"}}});
  cluster.execute("SELECT pg_create_logical_replication_slot('app', 'pgoutput')");
  add_server("main", cluster.conninfo());
  add_server("mistaken", cluster.conninfo(),
             {{"slot", "app"}, {"protect_primary", "{retain_at_most: 16MiB}"}});
  auto daemon = host_.serve(cluster);
  write_wal(cluster, 24);
  const auto seen = [&] {
    const auto slot = report_of("mistaken").at("slot");
    return slot.is_null() ? std::string() : slot.at("seen").get<std::string>();
  };
  for (int looks = 0; looks < 3; ++looks) {
    const auto before = seen();
    wait_until([&] { return seen() > before; }, "the slot is looked at");
  }
  EXPECT_EQ(cluster.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'app'"), "1");
  EXPECT_EQ(events("mistaken").find("slot_given_up"), std::string::npos);
}

TEST_P(Daemon, BacksUpAnewWhenTheSlotWasLostWhileItWasAway) {
  const auto cluster = PostgresCluster::create(
      GetParam(),
      {.settings = {{"max_slot_wal_keep_size", "1MB"}, {"min_wal_size", "32MB"}, {"max_wal_size", "64MB"}}});
  add_server("main", cluster.conninfo());
  {
    auto daemon = host_.serve(cluster);
    host_.backup();
    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.wait().exit_code, 0);
  }
  wait_until(
      [&] {
        write_wal(cluster, 32);
        cluster.execute("CHECKPOINT");
        return cluster.value("SELECT wal_status FROM pg_replication_slots") == "lost";
      },
      "the slot is lost");
  auto daemon = host_.serve(cluster);
  wait_until([&] { return host_.backup_ids().size() == 2; }, "the daemon has taken a base backup");
  EXPECT_THAT(events("main"), HasSubstr("\"gap\""));
  write_wal(cluster, 1);
  wait_until_flushed(cluster);
  EXPECT_EQ(contents(recover_and_start(host_, GetParam(), "latest", "recovered")), contents(cluster));
}

TEST_P(Daemon, LetsNoBackupThatHangsHoldUpAnotherAndEndsItWithItsServer) {
  const auto cluster =
      PostgresCluster::create(GetParam(), {.settings = {{"min_wal_size", "32MB"}, {"max_wal_size", "64MB"}}});
  const auto configure = [&](const std::string& change) {
    cluster.execute("ALTER SYSTEM " + change);
    cluster.execute("SELECT pg_reload_conf()");
  };
  const auto backups_going_on = [&] {
    return cluster.value("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'pgkeep_backup'");
  };
  add_server("endless", cluster.conninfo(), {{"max_rate", "32KiB"}});
  add_server("good", cluster.conninfo());
  {
    auto daemon = host_.serve(cluster, 2);
    host_.backup("endless", {"--max-rate", "0"});
    host_.backup("good");
    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.wait().exit_code, 0);
  }
  configure("SET max_slot_wal_keep_size = '1MB'");
  wait_until(
      [&] {
        write_wal(cluster, 32);
        cluster.execute("CHECKPOINT");
        return cluster.value("SELECT bool_and(wal_status = 'lost') FROM pg_replication_slots") == "t";
      },
      "both slots are lost");
  configure("RESET max_slot_wal_keep_size");
  auto daemon = host_.serve(cluster, 2);
  wait_until([&] { return host_.backup_ids("good").size() == 2; }, "the good server has a new base backup");
  wait_until([&] { return backups_going_on() == "1"; }, "the endless backup goes on alone");
  host_.remove_server("endless");
  daemon.signal(SIGHUP);
  wait_until([&] { return backups_going_on() == "0"; }, "the backup ends with its server");
  daemon.wait_for_output("nothing of it is kept");
  EXPECT_EQ(sender(cluster, "endless"), "");
}

}  // namespace
}  // namespace pgkeep::test
