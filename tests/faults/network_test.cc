// A network that breaks or hangs under a backup ends it cleanly, and the next one works.
#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

class Network : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }
};
PGKEEP_FOR_EACH_VERSION(Network);

TEST_P(Network, CutUnderABackupLeavesNothingAndTheNextWorks) {
  const auto source = PostgresCluster::create(GetParam());
  source.pgbench_init(5);
  TcpProxy network(source.port());
  BackupHost host;
  host.add_server("main",
                  "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(network.port()));
  auto backup = host.start_pgkeep({"backup", "main", "--max-rate", "1MiB"});
  wait_until(
      [&] {
        return source.value("SELECT count(*) FROM pg_stat_progress_basebackup WHERE backup_streamed > 0") ==
               "1";
      },
      "the backup is under way");
  network.cut();
  const auto outcome = backup.wait();
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  network.resume();
  EXPECT_TRUE(host.backup_ids().empty());
  const auto id = host.backup();
  host.pgkeep_or_throw({"verify-backup", "main", id});
}

}  // namespace
}  // namespace pgkeep::test
