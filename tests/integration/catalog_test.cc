// The files are the truth, of one cluster only; the index is made from them.
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Catalog : public ::testing::Test {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(18); }

  /// Whatever the listings tell.
  static nlohmann::json listings(const BackupHost& host) {
    nlohmann::json all = {host.json({"list-backups", "main"})};
    for (const auto& id : host.backup_ids()) {
      all.push_back(host.json({"show-backup", "main", id}));
      all.push_back(host.json({"list-files", "main", id}));
    }
    return all;
  }

  static std::string system_identifier(const PostgresCluster& cluster) {
    return cluster.value("SELECT system_identifier FROM pg_control_system()");
  }
};

TEST_F(Catalog, IsMadeAnewFromTheFilesAlone) {
  const auto source = PostgresCluster::create(18);
  const BackupHost host(source);
  auto receiver = host.receive_wal(source);
  host.backup();
  source.execute("CREATE TABLE t AS SELECT generate_series(1, 10000)");
  source.execute("SELECT pg_switch_wal()");
  host.backup();
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  const auto before = listings(host);

  for (const auto& entry : fs::directory_iterator(host.repository() / "main"))
    if (entry.path().filename().native().starts_with("catalog.db")) fs::remove(entry.path());
  host.pgkeep_or_throw({"rebuild-catalog", "main"});
  EXPECT_EQ(listings(host), before);
}

TEST_F(Catalog, RefusesAnotherClusterBehindTheSameName) {
  auto known = PostgresCluster::create(18);
  const auto other = PostgresCluster::create(18);
  BackupHost host(known);
  host.backup();
  const auto bytes = host.stored_bytes();
  const auto before = listings(host);
  host.set_conninfo("main", other.conninfo());
  for (const char* command : {"backup", "receive-wal"}) {
    const auto outcome = host.pgkeep({command, "main"});
    EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
    EXPECT_THAT(outcome.err, HasSubstr(system_identifier(known)));
    EXPECT_THAT(outcome.err, HasSubstr(system_identifier(other)));
  }
  EXPECT_EQ(listings(host), before);
  EXPECT_LE(host.stored_bytes(),
            bytes + 4096);  // the journal of what was tried, nothing of the other cluster
}

TEST_F(Catalog, ForgetsAnInterruptedBackup) {
  const auto source = PostgresCluster::create(18);
  source.pgbench_init(5);
  const BackupHost host(source);
  const auto kept = host.backup();
  auto backup = host.start_pgkeep({"backup", "main", "--max-rate", "1MiB"});
  wait_until(
      [&] {
        return source.value("SELECT count(*) FROM pg_stat_progress_basebackup WHERE backup_streamed > 0") ==
               "1";
      },
      "the backup is under way");
  backup.signal(SIGINT);
  EXPECT_NE(backup.wait().exit_code, 0);
  EXPECT_EQ(host.backup_ids(), std::vector<std::string>{kept});
  wait_until([&] { return source.value("SELECT count(*) FROM pg_stat_replication") == "0"; },
             "the server has ended the backup");
  host.backup();
  for (const auto& id : host.backup_ids()) host.pgkeep_or_throw({"verify-backup", "main", id});
}

TEST_F(Catalog, KeepsAServersDataApartFromAnothers) {
  const auto first = PostgresCluster::create(18);
  const auto second = PostgresCluster::create(18);
  BackupHost host;
  host.add_server("main", first.conninfo());
  host.add_server("second", second.conninfo());
  host.pgkeep_or_throw({"backup", "all"});
  EXPECT_EQ(host.backup_ids("main").size(), 1u);
  EXPECT_EQ(host.backup_ids("second").size(), 1u);
  EXPECT_EQ(host.json({"list-servers"}).size(), 2u);
}

TEST_F(Catalog, IsMadeOnceByFirstCommandsThatStartTogether) {
  const auto source = PostgresCluster::create(18);
  for (int round = 0; round < 5; ++round) {
    BackupHost host;
    for (const char* name : {"first", "second", "third"})
      host.add_server(name, source.conninfo(), {{"slot", std::string("of_") + name}});
    std::vector<Process> commands;
    for (const char* name : {"first", "second", "third"})
      commands.push_back(host.start_pgkeep({"backup", name}));
    for (auto& command : commands) {
      const auto outcome = command.wait();
      EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    }
    for (const char* name : {"first", "second", "third"}) EXPECT_EQ(host.backup_ids(name).size(), 1u);
    for (const char* name : {"first", "second", "third"})
      source.execute(std::string("SELECT pg_drop_replication_slot('of_") + name + "')");
  }
}

}  // namespace
}  // namespace pgkeep::test
