// The whole of it: a busy server of each major version is kept, lost and given back.
#include <csignal>
#include <optional>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

class MainJob : public ::testing::TestWithParam<int> {
 protected:
  /// Kills the writers and waits for their sessions, so that what is read afterwards stays as it is.
  static void stop_writers(const PostgresCluster& source, std::optional<Process>& load) {
    load.reset();
    wait_until(
        [&] {
          return source.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'") ==
                 "0";
        },
        "the writers' sessions have ended");
  }
};
PGKEEP_FOR_EACH_VERSION(MainJob);

TEST_P(MainJob, GivesBackEveryKindOfDataUpToTheLastByte) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  const auto source = PostgresCluster::create(GetParam());
  make_every_kind_of_table(source, "extra");
  source.pgbench_init(2);
  const BackupHost host(source);
  auto receiver = host.receive_wal(source);

  std::optional<Process> load = source.pgbench_throughout();
  host.backup();
  change_every_kind_of_table(source, 1);
  source.execute("CREATE DATABASE made_midway");
  source.execute("CREATE TABLE t AS SELECT generate_series(1, 5000) AS id", "made_midway");
  host.backup();
  change_every_kind_of_table(source, 2);
  stop_writers(source, load);
  const auto expected = contents(source);
  const auto last_ticket = std::stol(source.value("SELECT last_value FROM tickets"));
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);

  const auto tablespace = host.scratch("extra-relocated");
  const auto directory =
      host.recover("latest", "recovered", {"--tablespace", "extra:" + tablespace.native()});
  give_to_postgres(tablespace);
  auto recovered = PostgresCluster::adopt(GetParam(), directory);
  recovered.verify_backup();
  recovered.start();
  recovered.wait_until_recovered();

  EXPECT_EQ(contents(recovered), expected);
  EXPECT_EQ(recovered.value("SELECT count(*) FROM unlogged_one"), "0");
  EXPECT_GT(std::stol(recovered.value("SELECT nextval('tickets')")), last_ticket);
  EXPECT_EQ(recovered.value("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'extra'"),
            tablespace.native());
  if (GetParam() >= 14)
    run_or_throw(recovered.program({"pg_amcheck", "--all", "--install-missing", "--heapallindexed"}, true));
}

}  // namespace
}  // namespace pgkeep::test
