// RPO 0: with pgkeep as the synchronous standby, a commit that was acknowledged is recovered, whatever
// happened to the receiver and the network before the server was lost for good.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/chance.h"
#include "tests/support/commit_writers.h"
#include "tests/support/tcp_proxy.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using Milliseconds = std::chrono::milliseconds;
using Direction = TcpProxy::Direction;

/// A server whose commits wait for pgkeep, eight clients that commit, and a network between that can fail.
/// Segments are small, so that many are finished and archived meanwhile.
class SynchronousServer {
 public:
  explicit SynchronousServer(int major)
      : major_(major),
        source_(PostgresCluster::create(
            major, {.initdb = {"--wal-segsize=1"}, .settings = {{"wal_sender_timeout", "3s"}}})),
        network_(source_.port()) {
    host_.add_server("main",
                     "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(network_.port()),
                     {{"longest_retry", "1s"}, {"status_interval", "1s"}, {"connect_timeout", "5s"}});
    start_pgkeep();
    wait_until_streaming(source_);
    host_.backup();
    source_.execute("ALTER SYSTEM SET synchronous_standby_names = 'pgkeep'");
    source_.execute("SELECT pg_reload_conf()");
    writers_.emplace(source_, 8, 1000);
  }

  TcpProxy& network() { return network_; }
  void start_pgkeep() { daemon_.emplace(host_.start_pgkeep({"serve"})); }
  void kill_pgkeep() {
    daemon_->signal(SIGKILL);
    daemon_->wait();
  }
  /// Throws when the daemon has ended by itself.
  void commits_go_on() {
    const auto wanted = writers_->acknowledged_so_far() + 20;
    wait_for_pgkeep([&] { return writers_->acknowledged_so_far() >= wanted; }, "commits go on");
  }
  /// How much the clients wrote between the failures is a matter of the machine and of chance; rows by the
  /// thousand and a few finished segments are to be there before both are lost.
  void enough_is_written() {
    wait_for_pgkeep([&] { return writers_->acknowledged_so_far() > 1000; }, "a thousand rows are committed");
    wait_for_pgkeep([&] { return archived_segments() > 2; }, "three segments are archived");
  }

  /// Server and pgkeep at once, in any order, while clients still write.
  void lose_both(Chance& chance) {
    if (chance.coin()) daemon_->signal(SIGKILL);
    source_.lose();
    kill_pgkeep();
    writers_->join();
  }
  void expect_every_acknowledged_row_is_recovered() {
    const auto acknowledged = writers_->acknowledged();
    const auto recovered = committed_rows(recover_and_start(host_, major_, "latest", "recovered"));
    std::vector<int> missing;
    std::ranges::set_difference(acknowledged, recovered, std::back_inserter(missing));
    EXPECT_THAT(missing, ::testing::IsEmpty())
        << missing.size() << " of " << acknowledged.size() << " rows are missing";
    host_.pgkeep_or_throw({"verify-backup", "main", "latest"});
  }

 private:
  void wait_for_pgkeep(const std::function<bool()>& condition, std::string_view what) {
    wait_until(
        [&] {
          if (!daemon_->running()) throw std::runtime_error("pgkeep ended: " + daemon_->wait().text());
          return condition();
        },
        what);
  }
  /// Of those that the clients filled.
  std::ptrdiff_t archived_segments() const {
    return std::ranges::count_if(
        fs::recursive_directory_iterator(host_.repository() / "main" / "wal"),
        [](const fs::directory_entry& entry) { return entry.path().extension() == ".zst"; });
  }

  int major_;
  std::optional<CommitWriters> writers_;  // outlive the server: a commit that waits ends with it
  PostgresCluster source_;
  TcpProxy network_;
  BackupHost host_;
  std::optional<Process> daemon_;
};

class RpoZero : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  /// Some of what a network can do, for some time; well again afterwards.
  static void fail_somehow(TcpProxy& network, Chance& chance) {
    constexpr Milliseconds kAtMost{1500};
    switch (chance.number(0, 7)) {
      case 0:
        return network.reset();
      case 1:
        return network.forget();
      case 2:
        return network.truncate_after(static_cast<std::size_t>(chance.number(0, 300'000)));
      case 3:
        network.cut();
        break;
      case 4:
        network.stall();
        break;
      case 5:
        network.stall(chance.coin() ? Direction::to_server : Direction::to_client);
        break;
      case 6:  // slow, and then cut off within a piece
        network.slow_down(Milliseconds(chance.number(1, 20)),
                          static_cast<std::size_t>(chance.number(1, 2000)));
        chance.wait(kAtMost);
        network.truncate_after(static_cast<std::size_t>(chance.number(0, 1000)));
        break;
      default:
        network.slow_down(Milliseconds(chance.number(1, 50)));
    }
    chance.wait(kAtMost);
    network.resume();
  }
};
PGKEEP_FOR_EACH_VERSION(RpoZero);

TEST_P(RpoZero, HoldsThroughKillsOfPgkeep) {
  Chance chance;
  SynchronousServer server(GetParam());
  for (int i = 0; i < rounds_of_chance(); ++i) {
    chance.wait(Milliseconds(1000));
    server.kill_pgkeep();
    server.start_pgkeep();
    server.commits_go_on();
  }
  server.enough_is_written();
  server.lose_both(chance);
  server.expect_every_acknowledged_row_is_recovered();
}

TEST_P(RpoZero, HoldsThroughFailuresOfTheNetwork) {
  Chance chance;
  SynchronousServer server(GetParam());
  for (int i = 0; i < rounds_of_chance(); ++i) {
    chance.wait(Milliseconds(500));
    fail_somehow(server.network(), chance);
    server.commits_go_on();
  }
  server.enough_is_written();
  server.lose_both(chance);
  server.expect_every_acknowledged_row_is_recovered();
}

}  // namespace
}  // namespace pgkeep::test
