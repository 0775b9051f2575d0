// One daemon streams from many servers at once, each as if it were the only one.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/commit_writers.h"
#include "tests/support/daemon_report.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;

constexpr int kStreamsEach = 15;

/// Thirty servers of the configuration on two clusters, all streamed by one daemon.
class ManyStreams : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const int major : {13, 18}) {
      PGKEEP_NEEDS_POSTGRES(major);
      clusters_.push_back(PostgresCluster::create(
          major, {.settings = {{"max_wal_senders", "20"}, {"max_replication_slots", "20"}}}));
      for (int i = 0; i < kStreamsEach; ++i) {
        const auto name = "s" + std::to_string(major) + "_" + std::to_string(i);
        host_.add_server(name, clusters_.back().conninfo(), {{"slot", name}, {"longest_retry", "1s"}});
      }
    }
  }
  Process serve() const {
    auto daemon = host_.serve(clusters_.front(), kStreamsEach);
    wait_until_streaming(clusters_.back(), kStreamsEach);
    return daemon;
  }
  /// Of the daemon's servers on that cluster, how many have flushed all of its WAL.
  std::ptrdiff_t complete(const PostgresCluster& cluster) const {
    const auto end = lsn_value(cluster.current_lsn());
    const auto prefix = "s" + std::to_string(cluster.major());
    const auto report = daemon_report(host_.repository());
    return std::ranges::count_if(report.at("servers"), [&](const nlohmann::json& server) {
      const auto& flushed = server.at("stream").at("flushed");
      return server.at("name").get<std::string>().starts_with(prefix) && !flushed.is_null() &&
             lsn_value(flushed.at("lsn")) >= end;
    });
  }
  void expect_all_complete() const {
    for (const auto& cluster : clusters_) {
      cluster.execute("CREATE TABLE IF NOT EXISTS rows AS SELECT generate_series(1, 10000)");
      wait_until([&] { return complete(cluster) == kStreamsEach; }, "all streams have all WAL");
    }
  }
  static std::ptrdiff_t entries(const Process& process, const std::string& what) {
    const fs::path folder = "/proc/" + std::to_string(process.pid()) + "/" + what;
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  }

  std::vector<PostgresCluster> clusters_;
  BackupHost host_;
};

TEST_F(ManyStreams, AllArriveWithOneThreadEachAndFewFiles) {
  auto daemon = serve();
  expect_all_complete();
  const auto streams = 2 * kStreamsEach;
  // One a stream, the daemon's own, and one a core that compresses.
  EXPECT_LE(entries(daemon, "task"), streams + 40 + static_cast<int>(std::thread::hardware_concurrency()));
  EXPECT_LE(entries(daemon, "fd"), 8 * streams + 32);
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

TEST_F(ManyStreams, OfOneClusterGoOnWhileTheOtherIsAwayAndComeBackWithIt) {
  auto daemon = serve();
  clusters_.front().stop();
  clusters_.back().execute("CREATE TABLE more AS SELECT generate_series(1, 10000)");
  wait_until([&] { return complete(clusters_.back()) == kStreamsEach; }, "the streams of the other go on");
  clusters_.front().start();
  wait_until_streaming(clusters_.front(), kStreamsEach);
  expect_all_complete();
}

TEST_F(ManyStreams, AreFoundAgainAfterAKill) {
  auto first = serve();
  expect_all_complete();
  first.signal(SIGKILL);
  first.wait();
  for (const auto& cluster : clusters_)
    cluster.execute("CREATE TABLE more AS SELECT generate_series(1, 10000)");
  auto second = serve();
  expect_all_complete();
}

/// A fleet as it is found: a server of each major version.
TEST(EveryVersion, IsKeptByOneDaemonAtOnce) {
  std::vector<PostgresCluster> clusters;
  BackupHost host;
  for (int major = postgres::oldest_known_major(); major <= postgres::newest_known_major(); ++major) {
    PGKEEP_NEEDS_POSTGRES(major);
    clusters.push_back(PostgresCluster::create(major));
    host.add_server("v" + std::to_string(major), clusters.back().conninfo(), {{"longest_retry", "1s"}});
  }
  auto daemon = host.serve(clusters.front());
  for (const auto& cluster : clusters) {
    wait_until_streaming(cluster);
    cluster.execute("CREATE TABLE rows AS SELECT generate_series(1, 20000) AS id");
    wait_until_flushed(cluster);
  }
  host.pgkeep_or_throw({"backup", "all"});
  for (const auto& cluster : clusters) cluster.execute("INSERT INTO rows VALUES (0)");
  for (const auto& cluster : clusters) wait_until_flushed(cluster);
  for (const auto& cluster : clusters) {
    const auto name = "v" + std::to_string(cluster.major());
    SCOPED_TRACE(name);
    EXPECT_EQ(host.json({"verify-wal", name}).at("lines").size(), 1u);
    EXPECT_EQ(host.json({"verify-backup", name, "latest"}).size(), 1u);
    EXPECT_EQ(host.pgkeep({"check", name}).exit_code, 0);
    EXPECT_EQ(host.json({"show-server", name}).at(0).at("identity").at("major_version"), cluster.major());
  }
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

}  // namespace
}  // namespace pgkeep::test
