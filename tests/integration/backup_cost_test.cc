// A backup costs what changed, and any backup may go without another noticing.
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

constexpr std::uint64_t kKiB = 1024;

class BackupCost : public ::testing::TestWithParam<int> {
 protected:
  /// What backups take, without the WAL between them.
  static std::uint64_t bytes_of_backups(const BackupHost& host) {
    std::uint64_t bytes = 0;
    for (const char* part : {"packs", "backups"}) {
      for (const auto& entry : fs::recursive_directory_iterator(host.repository() / "main" / part))
        if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return bytes;
  }
};
PGKEEP_FOR_EACH_VERSION(BackupCost);

TEST_P(BackupCost, GrowsByTheRowsThatChangedNotByTheirPages) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  const auto source = PostgresCluster::create(GetParam(), {.settings = {{"autovacuum", "off"}}});
  source.pgbench_init(10);
  const BackupHost host(source);
  host.backup();
  const auto first = bytes_of_backups(host);
  // Some 900 pages of the 150 MB are dirtied: 7 MB of pages, 60 MB of 128 KiB pieces.
  source.pgbench(1000);
  host.backup();
  const auto second = bytes_of_backups(host) - first;
  host.backup();
  const auto third = bytes_of_backups(host) - first - second;

  EXPECT_LE(second, 1024 * kKiB);
  EXPECT_LE(third, 256 * kKiB);
  EXPECT_GT(first, 4 * second);
}

class AnyOfThree : public ::testing::TestWithParam<int> {};
PGKEEP_FOR_EACH_VERSION(AnyOfThree);

TEST_P(AnyOfThree, MayBeDeletedAndTheOthersVerifyAndRecover) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  const auto source = PostgresCluster::create(GetParam());
  source.pgbench_init(1);
  const BackupHost host(source);
  for (int i = 0; i < 3; ++i) {
    source.pgbench(500);
    host.backup();
  }
  const auto all = host.backup_ids();
  ASSERT_EQ(all.size(), 3u);
  for (std::size_t deleted = 0; deleted < 3; ++deleted) {
    // Each time in a copy of the repository that still has all three.
    BackupHost copy;
    run_or_throw({{"cp", "--archive", host.repository(), copy.repository()}});
    copy.add_server("main", source.conninfo());
    copy.pgkeep_or_throw({"delete", "main", all[deleted], "--now"});
    auto left = all;
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(deleted));
    EXPECT_EQ(copy.backup_ids(), left);
    for (const auto& id : left) {
      copy.pgkeep_or_throw({"verify-backup", "main", id});
      auto recovered = PostgresCluster::adopt(GetParam(), copy.recover(id, "recovered-" + id));
      recovered.verify_backup();
    }
    EXPECT_EQ(copy.pgkeep({"verify-backup", "main", all[deleted]}).exit_code, 3);
  }
}

TEST_P(AnyOfThree, GivesItsRoomBackWhenAllAreDeleted) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  const auto source = PostgresCluster::create(GetParam());
  source.pgbench_init(1);
  const BackupHost host(source);
  for (int i = 0; i < 2; ++i) host.backup();
  for (const auto& id : host.backup_ids()) host.pgkeep_or_throw({"delete", "main", id, "--now", "--force"});
  EXPECT_THAT(host.backup_ids(), ElementsAre());
  std::uint64_t left = 0;
  for (const auto& entry : fs::recursive_directory_iterator(host.repository() / "main" / "packs"))
    if (entry.is_regular_file()) left += entry.file_size();
  EXPECT_LE(left, 64 * kKiB);
}

}  // namespace
}  // namespace pgkeep::test
