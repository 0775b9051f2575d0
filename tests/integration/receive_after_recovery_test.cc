// A server that was recovered from the repository is kept on under its name.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
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
PGKEEP_FOR_EACH_VERSION(ReceiveAfterRecovery);

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

// ---------------------------------------------------------------------------- to an earlier point

/// A server that is recovered to an earlier point and takes the place of the one before, more than once.
class RecoveredAgain : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  /// Writes rows of its own as the server of `host`, all of which arrive.
  static void serves(const BackupHost& host, const PostgresCluster& server, int first, int last) {
    auto receiver = host.receive_wal(server);
    add_rows(server, first, last);
    wait_until_flushed(server);
    end_in_order(receiver);
  }
  /// Recovered so far; timeline 0: the newest.
  PostgresCluster recover_to(BackupHost& host, const std::string& lsn, int timeline,
                             const std::string& directory) const {
    std::vector<std::string> options{"--target-lsn", lsn, "--target-action", "promote"};
    if (timeline != 0) options.insert(options.end(), {"--target-tli", std::to_string(timeline)});
    auto recovered = recover_and_start(host, GetParam(), "oldest", directory, options);
    host.set_conninfo("main", recovered.conninfo());
    return recovered;
  }
  static std::string timeline_of(const PostgresCluster& cluster) {
    cluster.execute("CHECKPOINT");
    return cluster.value("SELECT timeline_id FROM pg_control_checkpoint()");
  }
};
PGKEEP_FOR_EACH_VERSION(RecoveredAgain);

TEST_P(RecoveredAgain, TheSecondRecoveryFromOneBackupIsFollowed) {
  auto source = PostgresCluster::create(GetParam());
  BackupHost host(source);
  auto receiver = host.receive_wal(source);
  host.backup();
  add_rows(source, 1, 10);
  const auto too_early = source.current_lsn();
  add_rows(source, 11, 20);
  const auto right = source.current_lsn();
  add_rows(source, 21, 30);
  wait_until_flushed(source);
  source.stop();
  end_in_order(receiver);
  {
    auto first = recover_to(host, too_early, 0, "first");
    serves(host, first, 101, 110);
    first.stop();
  }
  auto second = recover_to(host, right, 1, "second");
  EXPECT_EQ(timeline_of(second), "3");
  serves(host, second, 201, 210);
  EXPECT_THAT(events(host), testing::Contains("branch_left"));
  EXPECT_THAT(events(host), testing::Not(testing::Contains("split_brain")));
  const auto recovered = recover_and_start(host, GetParam(), "latest", "recovered");
  EXPECT_EQ(recovered.value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM rows WHERE id % 10 = 0"),
            "10 20 210");
}

// Timeline 2 leaves 1, and then 3 leaves 2 before that: the switch points fall.
TEST_P(RecoveredAgain, ToBeforeAnEarlierSwitchItIsFollowedAndBackedUp) {
  auto source = PostgresCluster::create(GetParam());
  BackupHost host(source);
  auto receiver = host.receive_wal(source);
  host.backup();
  add_rows(source, 1, 10);
  const auto early = source.current_lsn();
  add_rows(source, 11, 20);
  wait_until_flushed(source);
  source.stop();
  end_in_order(receiver);
  {
    auto promoted = recover_and_start(host, GetParam(), "latest", "promoted");
    host.set_conninfo("main", promoted.conninfo());
    serves(host, promoted, 21, 30);
    promoted.stop();
  }
  auto restored = recover_to(host, early, 0, "restored");
  EXPECT_EQ(timeline_of(restored), "3");
  serves(host, restored, 101, 110);
  EXPECT_EQ(host.json({"list-wal", "main"}).at(0).at("gaps").size(), 0u);
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "oldest", "from_before")), "20");
  host.backup();
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "from_after")), "20");
}

}  // namespace
}  // namespace pgkeep::test
