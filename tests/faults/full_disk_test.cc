// A full disk is said clearly, costs nothing that was kept, and once there is room all goes on.
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "catalog/io/handle.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/small_disk.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kNoSpace = "No space left on device";

/// Takes all the room there is on a disk, for as long as it lives.
class Ballast {
 public:
  explicit Ballast(const SmallDisk& disk) : path_(disk.path() / "ballast") {
    const io::UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) throw std::runtime_error("cannot make the ballast");
    const std::vector<char> bytes(4096, 'x');
    while (::write(fd.get(), bytes.data(), bytes.size()) > 0) {
    }
    if (errno != ENOSPC) throw std::runtime_error("the disk does not fill");
  }
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  ~Ballast() { fs::remove(path_); }

 private:
  fs::path path_;
};

/// Leaves no room inside the small files of `server`, where a full disk would still take a line: the locks
/// are as if never taken, and the journal ends with its block.
void leave_no_slack(const fs::path& server) {
  for (const auto& lock : fs::directory_iterator(server / "locks")) fs::resize_file(lock.path(), 0);
  const auto journal = server / "runs.jsonl";
  const auto beyond = fs::file_size(journal) % 4096;
  std::ofstream(journal, std::ios::app) << std::string(beyond == 0 ? 0 : 4096 - beyond, '\n');
}

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
  EXPECT_THAT(outcome.err, HasSubstr(kNoSpace));
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
  receiver.wait_for_output(kNoSpace);
  EXPECT_TRUE(receiver.running());

  disk.resize(600);
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_EQ(contents(recover_and_start(host, 18, "latest", "recovered")), contents(source));
}

TEST_F(FullDisk, IsFreedByDeletingABackup) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(64);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo());
  const auto first = host.backup();
  const auto second = host.backup();
  leave_no_slack(host.repository() / "main");
  const Ballast ballast(disk);
  ASSERT_EQ(fs::space(disk.path()).available, 0u);

  const auto outcome = host.pgkeep({"delete", "main", first});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("the beginning of this delete could not be recorded"));
  EXPECT_GT(fs::space(disk.path()).available, 0u);
  EXPECT_EQ(host.backup_ids(), std::vector<std::string>{second});
  const auto last = host.pgkeep({"delete", "main", second});
  EXPECT_EQ(last.exit_code, 0) << last.text();
  EXPECT_TRUE(host.backup_ids().empty());
}

TEST_F(FullDisk, FoundByTheReceiverAtItsStartIsWaitedFor) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(160);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo(), {{"longest_retry", "1s"}});
  {
    auto receiver = host.receive_wal(source);
    host.backup();
    receiver.signal(SIGTERM);
    ASSERT_EQ(receiver.wait().exit_code, 0);
  }
  add_random_data(source, 40);
  leave_no_slack(host.repository() / "main");
  auto ballast = std::make_optional<Ballast>(disk);
  auto receiver = host.start_pgkeep({"receive-wal", "main"});
  receiver.wait_for_output("the beginning of this receive-wal could not be recorded");
  receiver.wait_for_output("trying again in");
  EXPECT_TRUE(receiver.running());
  EXPECT_THAT(receiver.err(), HasSubstr(kNoSpace));

  ballast.reset();
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
