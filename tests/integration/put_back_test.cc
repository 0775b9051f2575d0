// A server whose storage was put back to an earlier state goes on as a new line; nothing of the old one is
// lost.
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PutBack : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static void copy_files(const fs::path& from, const fs::path& to) {
    run_or_throw({.argv = {"cp", "-a", from.native(), to.native()}});
  }
  /// The server goes on from the files in `snapshot`.
  static void put_back(PostgresCluster& server, const fs::path& snapshot) {
    server.stop(Shutdown::immediate);
    fs::rename(server.data_directory(), server.data_directory().native() + ".gone");
    fs::rename(snapshot, server.data_directory());
    server.start();
  }
  static void wait_until_blocked(const BackupHost& host) {
    wait_until([&] { return host.stream_state().at("phase") == "blocked"; }, "the stream needs attention");
  }
};
PGKEEP_FOR_EACH_VERSION(PutBack);

TEST_P(PutBack, StaysRefusedUntilANewLineIsBegunAndTheOldOneStaysRecoverable) {
  auto server = PostgresCluster::create(GetParam());
  BackupHost host;
  host.add_server("main", server.conninfo(), {{"longest_retry", "1s"}});
  auto daemon = host.serve(server);
  add_rows(server, 1, 10);
  const auto old_backup = host.backup();
  wait_until_flushed(server);
  server.stop();
  const auto snapshot = server.data_directory().native() + ".snapshot";
  copy_files(server.data_directory(), snapshot);
  server.start();
  wait_until_streaming(server);
  add_rows(server, 11, 20);
  wait_until_flushed(server);
  const auto old_end = server.current_lsn();

  put_back(server, snapshot);
  wait_until_blocked(host);
  while (server.value("SELECT pg_current_wal_flush_lsn() > '" + old_end + "'::pg_lsn") != "t") {
    add_rows(server, 101, 110);
    server.execute("SELECT pg_switch_wal()");
  }
  // Refused by the server's history (6), or told by the daemon's stream that nothing comes (1).
  EXPECT_NE(host.pgkeep({"backup", "main"}).exit_code, 0);
  EXPECT_THAT(host.pgkeep({"check", "main"}).text(), HasSubstr("pgkeep new-line main"));

  host.pgkeep_or_throw({"new-line", "main"});
  wait_until_streaming(server);
  wait_until_flushed(server);
  const auto listed = host.json({"list-backups", "main"});
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].at("line"), 1);
  EXPECT_TRUE(listed[1].at("line").is_null());
  EXPECT_EQ(host.json({"verify-backup", "main", "all"}).size(), 2u);
  const auto wal = host.json({"verify-wal", "main"}).at("lines");
  ASSERT_EQ(wal.size(), 2u);
  for (const auto& line : wal) EXPECT_GT(line.at("segments").get<int>(), 0) << line;
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), old_backup, "old")), "20");
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "new")), contents(server));
}

TEST_P(PutBack, ACopyUnderTheConninfoIsForgottenWhenWhatIsHeldIsKept) {
  auto server = PostgresCluster::create(GetParam());
  BackupHost host(server);
  add_rows(server, 1, 10);
  server.stop();
  const auto copy_directory = server.make_directory("copy") / "data";
  copy_files(server.data_directory(), copy_directory);
  server.start();
  {
    auto receiver = host.receive_wal(server);
    add_rows(server, 11, 20);
    wait_until_flushed(server);
    end_in_order(receiver);
  }
  {
    auto copy = PostgresCluster::adopt(GetParam(), copy_directory);
    copy.start();
    host.set_conninfo("main", copy.conninfo());
    EXPECT_EQ(host.pgkeep({"receive-wal", "main"}).exit_code, 6);
  }
  host.set_conninfo("main", server.conninfo());
  EXPECT_EQ(host.pgkeep({"receive-wal", "main"}).exit_code, 6);
  host.pgkeep_or_throw({"new-line", "main", "--keep"});
  auto receiver = host.receive_wal(server);
  add_rows(server, 21, 30);
  wait_until_flushed(server);
  end_in_order(receiver);
}

/// The old cluster and the one that it was upgraded to, behind the same name: each with its own backups.
TEST(UpgradedCluster, TakesThePlaceOfTheOldOneWhichStaysRecoverable) {
  constexpr int kOld = 18;
  constexpr int kNew = 19;
  PGKEEP_NEEDS_POSTGRES(kOld);
  PGKEEP_NEEDS_POSTGRES(kNew);
  auto server = PostgresCluster::create(kOld);
  BackupHost host;
  host.add_server("main", server.conninfo(), {{"longest_retry", "1s"}});
  auto daemon = host.serve(server);
  add_rows(server, 1, 10);
  const auto old_backup = host.backup();
  add_rows(server, 11, 20);
  wait_until_flushed(server);
  const auto expected = contents(server);
  server.stop();

  auto upgraded = PostgresCluster::create(kNew);
  upgraded.stop();
  upgraded.upgrade_from(server);
  upgraded.start();
  host.set_conninfo("main", upgraded.conninfo());
  host.pgkeep_or_throw({"reload"});
  wait_until([&] { return host.stream_state().at("phase") == "blocked"; }, "the stream needs attention");
  const auto refused = host.pgkeep({"backup", "main"});
  EXPECT_EQ(refused.exit_code, 6);
  EXPECT_THAT(refused.err, HasSubstr("pgkeep new-line main --new-cluster"));
  EXPECT_EQ(host.pgkeep({"new-line", "main"}).exit_code, 6);  // not by the way

  host.pgkeep_or_throw({"new-line", "main", "--new-cluster"});
  EXPECT_EQ(host.pgkeep({"new-line", "main", "--new-cluster"}).exit_code, 6);  // it is the same now
  wait_until_streaming(upgraded);
  add_rows(upgraded, 21, 30);
  wait_until_flushed(upgraded);
  EXPECT_EQ(host.json({"verify-backup", "main", "all"}).size(), 2u);
  EXPECT_EQ(host.json({"verify-wal", "main"}).at("lines").size(), 2u);
  EXPECT_EQ(contents(recover_and_start(host, kOld, old_backup, "old")), expected);
  EXPECT_EQ(contents(recover_and_start(host, kNew, "latest", "new")), contents(upgraded));
}

}  // namespace
}  // namespace pgkeep::test
