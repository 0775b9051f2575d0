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
PGKEEP_FOR_VERSIONS(Backup, 13, 15, 17, 18);

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
  if (GetParam() < 16) GTEST_SKIP() << "13 and 14 have none, and 15 leaves them out of what it sends";
  const auto source =
      PostgresCluster::create(GetParam(), {.settings = {{"allow_in_place_tablespaces", "on"}}});
  source.execute("CREATE TABLESPACE inside LOCATION ''");
  source.execute("CREATE TABLE t TABLESPACE inside AS SELECT generate_series(1, 1000) AS id");
  const BackupHost host(source);
  host.backup();
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "recovered")), contents(source));
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
