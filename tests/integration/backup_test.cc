// What a base backup takes, what it leaves out, and how it fails.
#include <csignal>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class Backup : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static unsigned mode(const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) throw std::runtime_error("no " + path.native());
    return status.st_mode & 07777;
  }
  static void wait_until_under_way(const PostgresCluster& source) {
    wait_until(
        [&] {
          return source.value("SELECT count(*) FROM pg_stat_progress_basebackup WHERE backup_streamed > 0") ==
                 "1";
        },
        "the backup is under way");
  }
};
PGKEEP_FOR_EACH_VERSION(Backup);

TEST_P(Backup, LeavesOutWhatBelongsToTheRunningServer) {
  const auto source = PostgresCluster::create(GetParam());
  source.execute("SELECT pg_create_physical_replication_slot('of_somebody_else', true)");
  fs::create_directories(source.data_directory() / "base/pgsql_tmp");
  std::ofstream(source.data_directory() / "base/pgsql_tmp/pgsql_tmp1.1") << "spilled";
  give_to_postgres(source.data_directory() / "base/pgsql_tmp");
  const BackupHost host(source);
  host.backup();
  const auto recovered = host.recover("latest", "recovered");
  for (const char* name : {"postmaster.pid", "postmaster.opts", "base/pgsql_tmp/pgsql_tmp1.1",
                           "pg_replslot/of_somebody_else", "pg_internal.init"})
    EXPECT_FALSE(fs::exists(recovered / name)) << name;
  for (const char* name : {"pg_dynshmem", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots",
                           "pg_stat_tmp", "pg_subtrans", "pg_wal/archive_status"}) {
    EXPECT_TRUE(fs::is_directory(recovered / name)) << name;
    EXPECT_EQ(mode(recovered / name), 0700u) << name;
  }
}

TEST_P(Backup, NamesTheRelationsWithDamagedPagesAndSaysSinceWhenTheyAreSound) {
  auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  source.execute(
      "CREATE TABLE accounts AS SELECT i AS id, md5(i::text) AS note FROM generate_series(1, 1000) i");
  source.execute("CHECKPOINT");
  const auto file = source.value("SELECT pg_relation_filepath('accounts')");
  source.stop();
  {
    std::fstream pages(source.data_directory() / file, std::ios::in | std::ios::out | std::ios::binary);
    pages.seekp(8192 + 4000);
    pages << "rot";
  }
  source.start();
  const auto taken = host.pgkeep({"backup", "main"});
  EXPECT_EQ(taken.exit_code, 5) << taken.text();
  const auto named = file + " (table public.accounts, database postgres)";
  EXPECT_THAT(taken.err, HasSubstr("damaged pages in " + named));
  EXPECT_THAT(host.pgkeep_or_throw({"show-backup", "main", "latest"}), HasSubstr(named));
  EXPECT_THAT(host.pgkeep({"check", "main"}).out,
              HasSubstr("with 1 checksum failures; no backup is without any"));
  source.execute("TRUNCATE accounts");
  source.execute("CHECKPOINT");
  const auto sound = host.backup();
  EXPECT_THAT(host.pgkeep({"check", "main"}).out, HasSubstr("no checksum failures since " + sound));
}

TEST_P(Backup, IsNoFasterThanTheBandwidthOfTheHour) {
  const auto source = PostgresCluster::create(GetParam());
  BackupHost host(source);
  host.set_key("main", "bandwidth", "{\"00:00-24:00\": 8MiB/s}");
  const auto taken = host.pgkeep({"backup", "main", "--json"});
  ASSERT_EQ(taken.exit_code, 0) << taken.text();
  EXPECT_THAT(taken.err, HasSubstr("at most 8 MiB in a second"));
  const auto backup = nlohmann::json::parse(taken.out).at("data").at(0);
  const auto bytes = backup.at("data_bytes").get<double>();
  EXPECT_GE(backup.at("duration_seconds").get<double>(), bytes / (8 << 20) - 0.5);
  const auto unlimited = host.pgkeep({"backup", "main", "--max-rate", "0"});
  EXPECT_EQ(unlimited.exit_code, 0) << unlimited.text();
  EXPECT_THAT(unlimited.err, Not(HasSubstr("in a second")));
}

TEST_P(Backup, KeepsTheModesOfAClusterThatItsGroupMayRead) {
  const auto source = PostgresCluster::create(GetParam(), {.initdb = {"--allow-group-access"}});
  const BackupHost host(source);
  host.backup();
  const auto recovered = host.recover("latest", "recovered");
  EXPECT_EQ(mode(recovered), 0750u);
  EXPECT_EQ(mode(recovered / "base"), 0750u);
  EXPECT_EQ(mode(recovered / "PG_VERSION"), 0640u);
  EXPECT_EQ(mode(recovered / "global" / "pg_control"), 0640u);
}

TEST_P(Backup, IsReadableByItsOwnerOnlyWhateverTheUmask) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  const auto before = ::umask(0);
  host.backup();
  ::umask(before);
  EXPECT_EQ(mode(host.repository()), 0700u);
  for (const auto& entry : fs::recursive_directory_iterator(host.repository()))
    EXPECT_EQ(mode(entry.path()) & 077, 0u) << entry.path();
}

TEST_P(Backup, BringsPreparedTransactionsBackReadyToBeFinished) {
  const auto source = PostgresCluster::create(GetParam(), {.settings = {{"max_prepared_transactions", "5"}}});
  source.execute("CREATE TABLE t (id int)");
  source.execute("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'half done'");
  const BackupHost host(source);
  host.backup();
  const auto recovered = recover_and_start(host, GetParam(), "latest", "recovered");
  EXPECT_EQ(recovered.value("SELECT gid FROM pg_prepared_xacts"), "half done");
  recovered.execute("COMMIT PREPARED 'half done'");
  EXPECT_EQ(recovered.value("SELECT count(*) FROM t"), "1");
}

TEST_P(Backup, TakesTablespacesInsideTheDataDirectory) {
  const auto source =
      PostgresCluster::create(GetParam(), {.settings = {{"allow_in_place_tablespaces", "on"}}});
  source.execute("CREATE TABLESPACE inside LOCATION ''");
  source.execute("CREATE TABLE t TABLESPACE inside AS SELECT generate_series(1, 1000) AS id");
  const BackupHost host(source);
  if (GetParam() < 16) {  // those leave it out of what they send, and say nothing
    const auto outcome = host.pgkeep({"backup", "main"});
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("tablespace inside"));
    EXPECT_TRUE(host.backup_ids().empty());
    return;
  }
  host.backup();
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "recovered")), contents(source));
}

TEST_P(Backup, KeepsTheBytesOfATablespacesPath) {
  auto source = PostgresCluster::create(GetParam(), {.initdb = {"-E", "SQL_ASCII"}});
  const auto latin = source.make_directory("sch\xf6n");
  source.execute("CREATE TABLESPACE latin LOCATION '" + latin.native() + "'");
  source.execute("CREATE TABLE l TABLESPACE latin AS SELECT generate_series(1, 1000) AS id");
  const auto before = contents(source);
  const BackupHost host(source);
  host.backup();
  source.lose();
  fs::create_directories(latin);
  // Root has to name a place outside the destination, also where it stays.
  auto recovered = PostgresCluster::adopt(
      GetParam(), host.recover("latest", "recovered", {"--tablespace", "latin:" + latin.native()}));
  give_to_postgres(latin);
  recovered.start();
  recovered.wait_until_recovered();
  EXPECT_EQ(contents(recovered), before);
  EXPECT_FALSE(fs::is_empty(latin));
}

TEST_P(Backup, TakesATablespaceAtALineBreakOnlyWhereTheServerFindsIt) {
  const auto source = PostgresCluster::create(GetParam());
  const auto broken = source.make_directory("two\nlines");
  source.execute("CREATE TABLESPACE broken LOCATION '" + broken.native() + "'");
  source.execute("CREATE TABLE b TABLESPACE broken AS SELECT generate_series(1, 1000) AS id");
  const BackupHost host(source);
  const auto outcome = host.pgkeep({"backup", "main"});
  if (GetParam() == 13) {  // looks for it elsewhere, and sends an empty one
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_THAT(outcome.err, HasSubstr("/two\\nlines"));
    EXPECT_TRUE(host.backup_ids().empty());
    return;
  }
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  const auto refused = host.pgkeep({"recover", "main", "latest", host.scratch("refused")});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("/two\\nlines"));
  const auto moved = host.scratch("one line");
  auto recovered = PostgresCluster::adopt(
      GetParam(), host.recover("latest", "recovered", {"--tablespace", "broken:" + moved.native()}));
  give_to_postgres(moved);
  recovered.start();
  recovered.wait_until_recovered();
  EXPECT_EQ(contents(recovered), contents(source));
}

TEST_P(Backup, SaysWhichConfigurationLiesOutsideTheDataDirectory) {
  auto source = PostgresCluster::create(GetParam());
  const auto outside = source.make_directory("etc") / "pg_hba.conf";
  fs::copy_file(source.data_directory() / "pg_hba.conf", outside);
  give_to_postgres(outside);
  source.append_to_conf("hba_file = '" + outside.native() + "'");
  source.restart();
  const BackupHost host(source);
  const auto outcome = host.pgkeep({"backup", "main"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("hba_file is " + outside.native()));
  EXPECT_THAT(host.pgkeep({"check", "main"}).text(), HasSubstr("hba_file is " + outside.native()));
  EXPECT_THAT(host.pgkeep({"recover", "main", "latest", host.scratch("dry"), "--dry-run"}).text(),
              HasSubstr("hba_file was " + outside.native()));
}

TEST_P(Backup, FailsCleanlyWhenTheServerEndsItAndWorksTheNextTime) {
  const auto source = PostgresCluster::create(GetParam());
  source.pgbench_init(5);
  const BackupHost host(source);
  auto backup = host.start_pgkeep({"backup", "main", "--max-rate", "1MiB"});
  wait_until_under_way(source);
  source.execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = 'pgkeep_backup'");
  const auto outcome = backup.wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_THAT(host.backup_ids(), ::testing::IsEmpty());
  host.pgkeep_or_throw({"verify-backup", "main", host.backup()});
}

TEST_P(Backup, AndReceiverAreOneOfEachAtATime) {
  const auto source = PostgresCluster::create(GetParam());
  source.pgbench_init(5);
  const BackupHost host(source);
  auto receiver = host.receive_wal(source);
  EXPECT_EQ(host.pgkeep({"receive-wal", "main"}).exit_code, 4);
  auto backup = host.start_pgkeep({"backup", "main", "--max-rate", "1MiB"});
  wait_until_under_way(source);
  EXPECT_EQ(host.pgkeep({"backup", "main"}).exit_code, 4);
}

TEST_P(Backup, NamesTheSettingThatStandsInTheWay) {
  auto source =
      PostgresCluster::create(GetParam(), {.settings = {{"max_wal_senders", "0"}, {"wal_level", "minimal"}}});
  const BackupHost host(source);
  const auto outcome = host.pgkeep({"backup", "main"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("max_wal_senders"));
}

}  // namespace
}  // namespace pgkeep::test
