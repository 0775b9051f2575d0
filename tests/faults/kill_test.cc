// kill -9 of pgkeep at any moment: nothing half made is listed, the next run needs no help, no WAL is lost.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <random>
#include <thread>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/commit_writers.h"
#include "tests/support/database_contents.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

using Milliseconds = std::chrono::milliseconds;

class Kill : public ::testing::Test {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(18); }

  /// PGKEEP_KILLS=30 makes a longer night of it.
  static int kills() {
    const char* text = std::getenv("PGKEEP_KILLS");
    return text == nullptr ? 10 : std::atoi(text);
  }
  /// The same moments in every run, unless PGKEEP_SEED says otherwise.
  static std::mt19937 dice() {
    const char* text = std::getenv("PGKEEP_SEED");
    const auto seed = text == nullptr ? 20'261'120u : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
    std::printf("seed %u\n", seed);
    return std::mt19937(seed);
  }
  static Milliseconds any_moment(std::mt19937& dice, Milliseconds within) {
    return Milliseconds(std::uniform_int_distribution<Milliseconds::rep>(1, within.count())(dice));
  }
  /// Here time itself is what is tested: the moment at which the kill comes.
  static void kill_after(Process& program, Milliseconds moment) {
    std::this_thread::sleep_for(moment);
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
  auto random = dice();
  auto known = host.backup_ids();
  for (int i = 0; i < kills(); ++i) {
    source.pgbench(200);
    auto backup = host.start_pgkeep({"backup", "main"});
    kill_after(backup, any_moment(random, whole));
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

TEST_F(Kill, InTheReceiverLosesNoCommitThatWasAcknowledged) {
  auto source = PostgresCluster::create(18, {.initdb = {"--wal-segsize=1"}});
  const BackupHost host(source);
  std::optional<Process> receiver(host.receive_wal(source));
  host.backup();
  source.execute("ALTER SYSTEM SET synchronous_standby_names = 'pgkeep'");
  source.execute("SELECT pg_reload_conf()");
  CommitWriters writers(source, 4);
  auto random = dice();
  for (int i = 0; i < kills(); ++i) {
    kill_after(*receiver, any_moment(random, Milliseconds(1000)));
    const auto before = writers.acknowledged_so_far();
    receiver.emplace(host.start_pgkeep({"receive-wal", "main"}));
    wait_until([&] { return writers.acknowledged_so_far() > before + 10; },
               "commits go on with the next receiver");
  }
  receiver->signal(SIGKILL);
  source.lose();
  writers.join();
  receiver->wait();
  const auto recovered = recover_and_start(host, 18, "latest", "recovered");
  EXPECT_TRUE(std::ranges::includes(committed_rows(recovered), writers.acknowledged()));
  EXPECT_GT(writers.acknowledged().size(), 100u);
  verify_all(host);
}

TEST_F(Kill, InADeletionLeavesBackupsWholeOrGone) {
  const auto source = PostgresCluster::create(18);
  source.pgbench_init(1);
  const BackupHost host(source);
  auto random = dice();
  for (int i = 0; i < kills(); ++i) {
    host.backup();
    source.pgbench(100);
    host.backup();
    auto deletion = host.start_pgkeep({"delete", "main", "oldest"});
    kill_after(deletion, any_moment(random, Milliseconds(60)));
    verify_all(host);
    for (auto ids = host.backup_ids(); ids.size() > 1; ids = host.backup_ids())
      host.pgkeep_or_throw({"delete", "main", ids.front()});
  }
}

}  // namespace
}  // namespace pgkeep::test
