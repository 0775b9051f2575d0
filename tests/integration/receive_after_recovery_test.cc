// A server that was recovered from the repository is kept on under its name.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

class ReceiveAfterRecovery : public ::testing::TestWithParam<int> {
 protected:
  /// The one with the highest name; of what it holds, `bytes` from the start are kept.
  static void cut_last_partial(const fs::path& streaming, std::uintmax_t bytes) {
    fs::path last;
    for (const auto& entry : fs::directory_iterator(streaming)) last = std::max(last, entry.path());
    const auto size = fs::file_size(last);
    fs::resize_file(last, bytes);
    fs::resize_file(last, size);
  }
};
PGKEEP_FOR_VERSIONS(ReceiveAfterRecovery, 13, 15, 17, 18);

TEST_P(ReceiveAfterRecovery, GoesOnWithTheRecoveredServerThoughTheLastRecordWasCut) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  auto source = PostgresCluster::create(GetParam(), {.initdb = {"--wal-segsize=1"}});
  BackupHost host(source);
  {
    auto receiver = host.receive_wal(source);
    host.backup();
    source.execute("CREATE TABLE kept AS SELECT 1 AS id");
    // One record over several segments, of which only the first ones arrive.
    source.execute("SELECT pg_logical_emit_message(false, 'big', repeat('x', 2500000))");
    source.execute("CREATE TABLE behind AS SELECT 1 AS id");
    wait_until_flushed(source);
    source.lose();
    receiver.signal(SIGTERM);
    receiver.wait();
  }
  cut_last_partial(host.repository() / "main" / "wal" / "streaming", 64);

  const auto recovered = recover_and_start(host, GetParam(), "latest", "recovered");
  EXPECT_EQ(recovered.value("SELECT count(*) FROM kept"), "1");
  host.set_conninfo("main", recovered.conninfo());
  auto receiver = host.receive_wal(recovered);
  recovered.execute("CREATE TABLE afterwards AS SELECT 1 AS id");
  wait_until_flushed(recovered);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);

  // And again, from what is here by now.
  auto again = host.receive_wal(recovered);
  recovered.execute("SELECT pg_switch_wal()");
  recovered.execute("CREATE TABLE later AS SELECT 1 AS id");
  wait_until_flushed(recovered);
  again.signal(SIGTERM);
  EXPECT_EQ(again.wait().exit_code, 0);
}

}  // namespace
}  // namespace pgkeep::test
