// kill -9 of a backup, of what removes or reads it, at any moment: nothing half made is listed, nothing is
// lost, and the next run needs no help.
#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/chance.h"
#include "tests/support/database_contents.h"

namespace pgkeep::test {
namespace {

using Milliseconds = std::chrono::milliseconds;

class Kill : public ::testing::Test {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(18); }

  static void kill_sometime(Process& program, Chance& chance, Milliseconds within) {
    chance.wait(within);
    program.signal(SIGKILL);
    program.wait();
  }
  static void verify_all(const BackupHost& host) {
    for (const auto& id : host.backup_ids()) host.pgkeep_or_throw({"verify-backup", "main", id});
  }
};

TEST_F(Kill, InABackupLeavesWhatWasThereAndTheNextOneWorks) {
  const auto source = PostgresCluster::create(18);
  source.pgbench_init(5);
  const BackupHost host(source);
  const auto started = std::chrono::steady_clock::now();
  host.backup();
  const auto whole = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - started);
  Chance chance;
  auto known = host.backup_ids();
  for (int i = 0; i < rounds_of_chance(); ++i) {
    source.pgbench(200);
    auto backup = host.start_pgkeep({"backup", "main"});
    kill_sometime(backup, chance, whole);
    const auto listed = host.backup_ids();
    // The kill may come when all was done: then there is one more, and it must be a whole one.
    ASSERT_TRUE(std::ranges::includes(listed, known)) << "a backup was lost by kill " << i;
    ASSERT_LE(listed.size(), known.size() + 1);
    known = listed;
  }
  host.backup();
  verify_all(host);
  EXPECT_EQ(contents(recover_and_start(host, 18, "latest", "recovered")), contents(source));
}

TEST_F(Kill, InADeletionLeavesBackupsWholeOrGone) {
  const auto source = PostgresCluster::create(18);
  source.pgbench_init(1);
  const BackupHost host(source);
  Chance chance;
  for (int i = 0; i < rounds_of_chance(); ++i) {
    host.backup();
    source.pgbench(100);
    host.backup();
    auto deletion = host.start_pgkeep({"delete", "main", "oldest", "--now"});
    kill_sometime(deletion, chance, Milliseconds(60));
    verify_all(host);
    for (auto ids = host.backup_ids(); ids.size() > 1; ids = host.backup_ids())
      host.pgkeep_or_throw({"delete", "main", ids.front(), "--now"});
  }
}

/// Backups come and go; what no policy keeps, what no backup needs any more and what is read back ends anywhere.
TEST_F(Kill, InAnExpiryACompactionOrAVerificationLosesNothing) {
  const auto source = PostgresCluster::create(18);
  source.pgbench_init(1);
  BackupHost host(source);
  host.set_key("main", "retention", "{redundancy: 2, grace: 0}");
  host.set_key("main", "compaction", "{dead_share: 1%}");
  Chance chance;
  const auto one = [&](std::string_view command) {
    auto program = host.start_pgkeep({std::string(command), "main"});
    kill_sometime(program, chance, Milliseconds(80));
  };
  for (int i = 0; i < rounds_of_chance(); ++i) {
    source.pgbench(200);
    host.backup();
    const auto before = host.backup_ids();
    for (const auto* command : {"expire", "expire", "compact", "verify"}) one(command);
    const auto left = host.backup_ids();
    EXPECT_TRUE(std::ranges::includes(before, left));
    EXPECT_GE(left.size(), std::min<std::size_t>(before.size(), 2));
    host.pgkeep_or_throw({"verify", "main"});
    verify_all(host);
  }
  for (const auto* command : {"expire", "expire", "compact"}) host.pgkeep_or_throw({command, "main"});
  EXPECT_EQ(host.backup_ids().size(), 2u);
  host.pgkeep_or_throw({"verify", "main"});
  EXPECT_EQ(contents(recover_and_start(host, 18, "latest", "recovered")), contents(source));
}

}  // namespace
}  // namespace pgkeep::test
