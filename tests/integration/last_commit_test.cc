// Nothing that was acknowledged is lost with the server.
#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/commit_writers.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

class LastCommit : public ::testing::TestWithParam<int> {
 protected:
  static bool includes_all(const std::set<int>& present, const std::set<int>& wanted) {
    return std::ranges::includes(present, wanted);
  }
};
PGKEEP_FOR_EACH_VERSION(LastCommit);

TEST_P(LastCommit, IsThereWhenItsWalWasReportedAsFlushed) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  auto receiver = host.receive_wal(source);
  host.backup();
  CommitWriters writers(source, 2);
  auto monitor = source.session();
  std::string flushed;
  wait_until(
      [&] {
        flushed =
            monitor.value("SELECT flush_lsn FROM pg_stat_replication WHERE application_name = 'pgkeep'");
        return writers.acknowledged_so_far() > 1000;
      },
      "a thousand rows are committed");
  source.lose();
  writers.join();
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);

  const auto recovered = recover_and_start(host, GetParam(), "latest", "recovered");
  const auto expected = writers.acknowledged_before(flushed);
  EXPECT_GT(expected.size(), 0u);
  EXPECT_TRUE(includes_all(committed_rows(recovered), expected));
}

TEST_P(LastCommit, IsThereWhenTheServerWaitedForPgkeepThoughPgkeepIsKilledToo) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  // Small segments, so that many are completed on the way.
  auto source = PostgresCluster::create(GetParam(), {.initdb = {"--wal-segsize=1"}});
  const BackupHost host(source);
  auto receiver = host.receive_wal(source);
  source.execute("ALTER SYSTEM SET synchronous_standby_names = 'pgkeep'");
  source.execute("SELECT pg_reload_conf()");
  wait_until(
      [&] {
        return source.value(
                   "SELECT sync_state FROM pg_stat_replication WHERE application_name = "
                   "'pgkeep'") == "sync";
      },
      "pgkeep is the synchronous standby");
  host.backup();
  CommitWriters writers(source, 4);
  wait_until([&] { return writers.acknowledged_so_far() > 2000; }, "two thousand rows are committed");
  receiver.signal(SIGKILL);
  source.lose();
  writers.join();
  receiver.wait();

  const auto recovered = recover_and_start(host, GetParam(), "latest", "recovered");
  EXPECT_TRUE(includes_all(committed_rows(recovered), writers.acknowledged()));
  // Nobody stands behind the recovered server yet: a commit must not wait for one.
  recovered.execute("CREATE TABLE after_recovery AS SELECT 1");
}

}  // namespace
}  // namespace pgkeep::test
