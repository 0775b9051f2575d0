// What is kept is one history of one server: WAL of another one, or damaged, is never joined to it.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "catalog/postgres/lsn.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class OneHistory : public ::testing::TestWithParam<int> {
 protected:
  static void stop(Process& receiver) {
    receiver.signal(SIGTERM);
    EXPECT_EQ(receiver.wait().exit_code, 0);
  }
  /// Rows, each in a segment of its own.
  static void write_segments(const PostgresCluster& server, int count, const char* text) {
    for (int i = 0; i < count; ++i) {
      server.execute(fmt::format("INSERT INTO rows VALUES ('{}')", text));
      server.execute("SELECT pg_switch_wal()");
    }
  }
  static void copy(const fs::path& from, const fs::path& to) {
    ASSERT_EQ(std::system(fmt::format("cp -a '{}' '{}'", from.native(), to.native()).c_str()), 0);
  }
  /// The server is stopped then.
  static fs::path snapshot_behind_a_backup(PostgresCluster& server, const BackupHost& host) {
    auto receiver = host.receive_wal(server);
    host.backup();
    stop(receiver);
    server.stop();
    const fs::path snapshot = server.data_directory().native() + ".snapshot";
    copy(server.data_directory(), snapshot);
    return snapshot;
  }
  static void put_back(PostgresCluster& server, const fs::path& snapshot) {
    fs::remove_all(server.data_directory());
    fs::rename(snapshot, server.data_directory());
    server.start();
  }
  static fs::path newest_partial(const BackupHost& host) {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(host.repository() / "main" / "wal" / "streaming"))
      newest = std::max(newest, entry.path());
    return newest;
  }
};
PGKEEP_FOR_EACH_VERSION(OneHistory);

TEST_P(OneHistory, IsNotGoneOnWithByAServerThatWasPutBackAndHasComePastItsEnd) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  auto server = PostgresCluster::create(GetParam(), {.initdb = {"--wal-segsize=1"}});
  server.append_to_conf("wal_keep_size = 512MB");  // it still has what is compared
  server.restart();
  BackupHost host(server);
  server.execute("CREATE TABLE rows (text text)");
  const auto snapshot = snapshot_behind_a_backup(server, host);
  server.start();
  {
    auto receiver = host.receive_wal(server);
    write_segments(server, 3, "old");
    wait_until_flushed(server);
    server.stop(Shutdown::immediate);
    stop(receiver);
  }
  put_back(server, snapshot);
  write_segments(server, 6, "new");

  for (int attempt = 0; attempt < 2; ++attempt) {  // what was found once is not forgotten
    const auto refused = host.pgkeep({"receive-wal", "main"});
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_THAT(refused.err, AllOf(HasSubstr("has other WAL at"), HasSubstr("pgkeep new-line main")));
  }
  EXPECT_THAT(host.pgkeep({"list-wal", "main", "--events"}).out, HasSubstr("rolled_back"));
  EXPECT_EQ(host.pgkeep({"check", "main"}).exit_code, 1);
}

// The same work, done again, gives the same bytes at the same positions, but for what it does first.
TEST_P(OneHistory, IsNotGoneOnWithByAServerThatWasPutBackAndHasDoneTheSameWorkAgain) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  auto server = PostgresCluster::create(
      GetParam(),
      {.initdb = {"--wal-segsize=1"},
       .settings = {{"autovacuum", "off"}, {"checkpoint_timeout", "1h"}, {"wal_keep_size", "512MB"}}});
  BackupHost host(server);
  server.execute("CREATE TABLE rows (text text)");
  const auto snapshot = snapshot_behind_a_backup(server, host);
  const auto work = [](const char* first) {
    return fmt::format(
        "BEGIN; INSERT INTO rows VALUES ('{}'); INSERT INTO rows SELECT repeat('x', 1000) "
        "FROM generate_series(1, 3500); SELECT pg_switch_wal();",
        first);
  };
  server.start();
  {
    auto receiver = host.receive_wal(server);
    const std::jthread session([&] {  // which does not come to its end
      EXPECT_ANY_THROW(server.execute(work("old") + "SELECT pg_sleep(3600)"));
    });
    wait_until(
        [&] {
          return server.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
        },
        "the work is done");
    wait_until_flushed(server);
    server.stop(Shutdown::immediate);
    stop(receiver);
  }
  put_back(server, snapshot);
  server.execute(work("new") + "COMMIT");

  const auto refused = host.pgkeep({"receive-wal", "main"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("has other WAL at"), HasSubstr("pgkeep new-line main")));
}

TEST_P(OneHistory, IsNotRecoveredPastADamagedRecord) {
  PGKEEP_NEEDS_POSTGRES(GetParam());
  auto server = PostgresCluster::create(GetParam());
  BackupHost host(server);
  server.execute("CREATE TABLE rows (id int)");
  auto receiver = host.receive_wal(server);
  host.backup();
  server.execute("INSERT INTO rows SELECT generate_series(1, 3000)");
  const auto middle = postgres::Lsn::parse(server.current_lsn()).value();
  server.execute("INSERT INTO rows SELECT generate_series(1, 3000)");
  wait_until_flushed(server);
  stop(receiver);

  const auto partial = newest_partial(host);
  {
    std::fstream file(partial, std::ios::in | std::ios::out | std::ios::binary);
    const auto at = static_cast<std::streamoff>(middle.value() % fs::file_size(partial) + 500);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 4);
    file.seekp(at);
    file.put(byte);
  }
  const auto verified = host.pgkeep({"verify-wal", "main"});
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.out, HasSubstr(partial.filename().native()));
  const auto refused = host.pgkeep({"recover", "main", "latest", host.scratch("recovered")});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, AllOf(HasSubstr(partial.filename().native()), HasSubstr("no replay passes")));
  EXPECT_FALSE(fs::exists(host.scratch("recovered") / "global" / "pg_control"));
}

}  // namespace
}  // namespace pgkeep::test
