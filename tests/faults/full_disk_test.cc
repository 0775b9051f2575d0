// A full disk is said clearly, costs nothing that was kept, and once there is room all goes on.
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/small_disk.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    PGKEEP_NEEDS_POSTGRES(18);
    if (!SmallDisk::available()) GTEST_SKIP() << "this process may not mount: run the tests as root";
  }

  /// Some `mebibytes` that no codec makes smaller.
  static void add_random_data(const PostgresCluster& cluster, int mebibytes) {
    cluster.execute("CREATE EXTENSION IF NOT EXISTS pgcrypto");
    cluster.execute("CREATE TABLE IF NOT EXISTS noise (bytes bytea)");
    cluster.execute("INSERT INTO noise SELECT gen_random_bytes(1000) FROM generate_series(1, " +
                    std::to_string(mebibytes * 1000) + ")");
  }
};

TEST_F(FullDisk, InABackupKeepsTheOthersAndTheNextWorksWhenThereIsRoom) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(48);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo());
  const auto kept = host.backup();
  add_random_data(source, 60);
  const auto outcome = host.pgkeep({"backup", "main"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("No space left on device"));
  EXPECT_EQ(host.backup_ids(), std::vector<std::string>{kept});
  host.pgkeep_or_throw({"verify-backup", "main", kept});

  disk.resize(400);
  const auto next = host.backup();
  host.pgkeep_or_throw({"verify-backup", "main", next});
  EXPECT_EQ(contents(recover_and_start(host, 18, next, "recovered")), contents(source));
}

TEST_F(FullDisk, InTheReceiverIsWaitedForAndNothingIsLost) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(64);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo(), {{"longest_retry", "1s"}});
  auto receiver = host.receive_wal(source);
  host.backup();
  add_random_data(source, 80);
  receiver.wait_for_output("No space left on device");
  EXPECT_TRUE(receiver.running());

  disk.resize(600);
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_EQ(contents(recover_and_start(host, 18, "latest", "recovered")), contents(source));
}

TEST_F(FullDisk, AtTheDestinationIsRefusedBeforeAnythingIsWritten) {
  const auto source = PostgresCluster::create(18);
  add_random_data(source, 30);
  const BackupHost host(source);
  host.backup();
  SmallDisk disk(24);
  const auto destination = disk.path() / "recovered";
  const auto outcome = host.pgkeep({"recover", "main", "latest", destination});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("24 MiB are free"));
  EXPECT_FALSE(fs::exists(destination));
  disk.resize(400);
  host.pgkeep_or_throw({"recover", "main", "latest", destination});
  run_or_throw({{"test", "-s", destination / "global" / "pg_control"}});
}

}  // namespace
}  // namespace pgkeep::test
