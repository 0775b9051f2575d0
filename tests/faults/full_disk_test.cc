// A full disk is said clearly, costs nothing that was kept, and once there is room all goes on.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>

#include "catalog/io/handle.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/commit_writers.h"
#include "tests/support/database_contents.h"
#include "tests/support/small_disk.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::uintmax_t kMiB = 1 << 20;
constexpr const char* kNoSpace = "No space left on device";

/// Takes all the room there is on a disk, but for so much, for as long as it lives.
class Ballast {
 public:
  Ballast(const SmallDisk& disk, std::uintmax_t but_for) : path_(disk.path() / "ballast") {
    const io::UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) throw std::runtime_error("cannot make the ballast");
    const auto free = fs::space(disk.path()).available;
    const auto bytes = static_cast<off_t>(free - std::min(free, but_for));
    if (::posix_fallocate(fd.get(), 0, bytes) != 0) throw std::runtime_error("the disk does not fill");
  }
  explicit Ballast(const SmallDisk& disk) : path_(disk.path() / "ballast") {
    const io::UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!fd) throw std::runtime_error("cannot make the ballast");
    const std::vector<char> bytes(4096, 'x');
    while (::write(fd.get(), bytes.data(), bytes.size()) > 0) {
    }
    if (errno != ENOSPC) throw std::runtime_error("the disk does not fill");
  }
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  ~Ballast() { fs::remove(path_); }

 private:
  fs::path path_;
};

/// Leaves no room inside the small files of `server`, where a full disk would still take a line: the locks
/// are as if never taken, and the journal ends with its block.
void leave_no_slack(const fs::path& server) {
  for (const auto& lock : fs::directory_iterator(server / "locks")) fs::resize_file(lock.path(), 0);
  const auto journal = server / "runs.jsonl";
  const auto beyond = fs::file_size(journal) % 4096;
  std::ofstream(journal, std::ios::app) << std::string(beyond == 0 ? 0 : 4096 - beyond, '\n');
}

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    PGKEEP_NEEDS_POSTGRES(18);
    if (!SmallDisk::available()) GTEST_SKIP() << "this process may not mount: run the tests as root";
  }

  /// Some `mebibytes` that no codec makes smaller.
  static void add_random_data(const PostgresCluster& cluster, int mebibytes) {
    cluster.execute("CREATE EXTENSION IF NOT EXISTS pgcrypto");
    cluster.execute("CREATE TABLE IF NOT EXISTS noise (bytes bytea)");
    cluster.execute("INSERT INTO noise SELECT gen_random_bytes(1000) FROM generate_series(1, " +
                    std::to_string(mebibytes * 1000) + ")");
  }
};

TEST_F(FullDisk, InABackupKeepsTheOthersAndTheNextWorksWhenThereIsRoom) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(48);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo(), {{"reserve", "0"}});
  const auto kept = host.backup();
  add_random_data(source, 60);
  const auto outcome = host.pgkeep({"backup", "main"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr(kNoSpace));
  EXPECT_EQ(host.backup_ids(), std::vector<std::string>{kept});
  host.pgkeep_or_throw({"verify-backup", "main", kept});

  disk.resize(400);
  const auto next = host.backup();
  host.pgkeep_or_throw({"verify-backup", "main", next});
  EXPECT_EQ(contents(recover_and_start(host, 18, next, "recovered")), contents(source));
}

TEST_F(FullDisk, NoBackupBeginsThatWouldLeaveLessThanTheReserve) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(200);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo(), {{"reserve", "40%"}});
  const auto kept = host.backup();
  auto ballast = std::make_optional<Ballast>(disk, 79 * kMiB);
  const auto outcome = host.pgkeep({"backup", "main"});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("no backup of main is taken, since 7"));
  EXPECT_THAT(outcome.err, HasSubstr("the reserve of 80 MiB (40% of 200 MiB) that is kept for WAL"));
  EXPECT_THAT(outcome.err, HasSubstr("`pgkeep delete main BACKUP --now`"));
  const auto run = host.json({"status", "main"})[0].at("last_failed_run");
  EXPECT_EQ(run.at("kind"), "backup");
  EXPECT_THAT(run.at("error").get<std::string>(), HasSubstr("no backup of main is taken"));
  EXPECT_EQ(host.backup_ids(), std::vector<std::string>{kept});

  ballast.reset();
  const auto next = host.backup();
  host.pgkeep_or_throw({"verify-backup", "main", next});
}

TEST_F(FullDisk, AFirstBackupIsMeasuredByWhatTheServerHas) {
  const auto source = PostgresCluster::create(18);
  add_random_data(source, 100);
  SmallDisk disk(100);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo(), {{"reserve", "20MiB"}});
  const auto outcome = host.pgkeep({"backup", "main"});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("that the server has, since it is stored compressed"));
  EXPECT_TRUE(host.backup_ids().empty());
  disk.resize(400);
  host.pgkeep_or_throw({"verify-backup", "main", host.backup()});
}

TEST_F(FullDisk, ABackupEndsAtTheReserveAndWalGoesOn) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(400);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo(), {{"reserve", "100MiB"}});
  auto receiver = host.receive_wal(source);
  const auto kept = host.backup();
  add_random_data(source, 60);
  wait_until_flushed(source);
  std::optional<Ballast> ballast(std::in_place, disk, 130 * kMiB);
  const auto outcome = host.pgkeep({"backup", "main"});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("the backup of main is ended and nothing of it is kept"));
  EXPECT_THAT(outcome.err, HasSubstr("less than the reserve of 100 MiB that is kept for WAL"));
  EXPECT_EQ(host.backup_ids(), std::vector<std::string>{kept});
  EXPECT_GE(fs::space(disk.path()).available, 100 * kMiB);

  add_random_data(source, 20);
  wait_until_flushed(source);
  EXPECT_TRUE(receiver.running());
  ballast.reset();
  const auto next = host.backup();
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_EQ(contents(recover_and_start(host, 18, next, "recovered")), contents(source));
}

TEST_F(FullDisk, InTheReceiverIsWaitedForAndNothingIsLost) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(64);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo(), {{"longest_retry", "1s"}});
  auto receiver = host.receive_wal(source);
  host.backup();
  add_random_data(source, 80);
  receiver.wait_for_output(kNoSpace);
  EXPECT_TRUE(receiver.running());

  disk.resize(600);
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_EQ(contents(recover_and_start(host, 18, "latest", "recovered")), contents(source));
}

/// A daemon whose repository's disk has no room left, while the server goes on.
class FullDiskOfTheDaemon : public FullDisk {
 protected:
  void SetUp() override {
    FullDisk::SetUp();
    if (IsSkipped()) return;
    source_.emplace(PostgresCluster::create(18));
    disk_.emplace(256);
    host_.emplace(disk_->path() / "repository");
    host_->add_server("main", source_->conninfo(), {{"longest_retry", "1s"}});
    daemon_.emplace(host_->serve(*source_));
    host_->backup();
  }
  void fill_the_disk() {
    ballast_.emplace(*disk_);
    add_random_data(*source_, 40);
    wait_until_it_waits_for_room();
  }
  void wait_until_it_waits_for_room() const {
    wait_until(
        [&] {
          const auto state = host_->stream_state();
          return state.at("phase") == "waiting" &&
                 state.at("cause").get<std::string>().find(kNoSpace) != std::string::npos;
        },
        "the daemon says that it waits for room on the disk");
  }
  void free_the_disk() { ballast_.reset(); }
  std::string state(const std::string& item) const {
    return host_->stream_state().at(item).get<std::string>();
  }
  /// Of WAL streams since the daemon was started.
  int attempts() const { return host_->stream_state().at("reconnects").get<int>(); }
  /// PGKEEP_FULL_SECONDS=300 for a long one. Here time itself is what is tested.
  static std::chrono::seconds time_without_room() {
    const char* text = std::getenv("PGKEEP_FULL_SECONDS");
    return std::chrono::seconds(text == nullptr ? 5 : std::atoi(text));
  }

  void expect_everything_arrives_by_itself() {
    wait_until_flushed(*source_);
    EXPECT_EQ(state("phase"), "streaming");
    daemon_->signal(SIGTERM);
    EXPECT_EQ(daemon_->wait().exit_code, 0);
    EXPECT_EQ(contents(recover_and_start(*host_, 18, "latest", "recovered")), contents(*source_));
  }

  std::optional<PostgresCluster> source_;
  std::optional<SmallDisk> disk_;
  std::optional<BackupHost> host_;
  std::optional<Process> daemon_;
  std::optional<Ballast> ballast_;
};

TEST_F(FullDiskOfTheDaemon, IsToldWithItsCauseAndTriedWithPauses) {
  fill_the_disk();
  const auto before = attempts();
  std::this_thread::sleep_for(time_without_room());
  EXPECT_LE(attempts() - before, 2 * time_without_room().count() + 2);
  EXPECT_THAT(state("last_error"), HasSubstr(kNoSpace));
  free_the_disk();
  expect_everything_arrives_by_itself();
}

TEST_F(FullDiskOfTheDaemon, LetsTheServerBeStoppedAndStarted) {
  fill_the_disk();
  source_->restart();
  add_random_data(*source_, 20);
  source_->restart();
  free_the_disk();
  expect_everything_arrives_by_itself();
}

TEST_F(FullDiskOfTheDaemon, LosesNoCommitThatWasAcknowledged) {
  source_->execute("ALTER SYSTEM SET synchronous_standby_names = 'pgkeep'");
  source_->execute("SELECT pg_reload_conf()");
  CommitWriters writers(*source_, 4, 1000);
  writers.wait_for(100);
  ballast_.emplace(*disk_);
  wait_until_it_waits_for_room();
  free_the_disk();
  writers.wait_for(100);
  ballast_.emplace(*disk_);
  wait_until_it_waits_for_room();
  source_->lose();
  writers.join();
  free_the_disk();
  daemon_->signal(SIGTERM);
  daemon_->wait();
  const auto recovered = recover_and_start(*host_, 18, "latest", "recovered");
  EXPECT_TRUE(std::ranges::includes(committed_rows(recovered), writers.acknowledged()));
}

TEST_F(FullDisk, IsFreedByDeletingABackup) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(64);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo());
  const auto first = host.backup();
  const auto second = host.backup();
  leave_no_slack(host.repository() / "main");
  const Ballast ballast(disk);
  ASSERT_EQ(fs::space(disk.path()).available, 0u);

  const auto marked = host.pgkeep({"delete", "main", first});
  EXPECT_EQ(marked.exit_code, 1) << marked.text();
  EXPECT_THAT(marked.err, HasSubstr("With --now the backup is removed at once"));
  const auto outcome = host.pgkeep({"delete", "main", first, "--now"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("the beginning of this delete could not be recorded"));
  EXPECT_GT(fs::space(disk.path()).available, 0u);
  EXPECT_EQ(host.backup_ids(), std::vector<std::string>{second});
  const auto last = host.pgkeep({"delete", "main", second, "--now", "--force"});
  EXPECT_EQ(last.exit_code, 0) << last.text();
  EXPECT_TRUE(host.backup_ids().empty());
}

TEST_F(FullDisk, FoundByTheReceiverAtItsStartIsWaitedFor) {
  const auto source = PostgresCluster::create(18);
  SmallDisk disk(160);
  BackupHost host(disk.path() / "repository");
  host.add_server("main", source.conninfo(), {{"longest_retry", "1s"}});
  {
    auto receiver = host.receive_wal(source);
    host.backup();
    receiver.signal(SIGTERM);
    ASSERT_EQ(receiver.wait().exit_code, 0);
  }
  add_random_data(source, 40);
  leave_no_slack(host.repository() / "main");
  auto ballast = std::make_optional<Ballast>(disk);
  auto receiver = host.start_pgkeep({"receive-wal", "main"});
  receiver.wait_for_output("the beginning of this receive-wal could not be recorded");
  receiver.wait_for_output("trying again in");
  EXPECT_TRUE(receiver.running());
  EXPECT_THAT(receiver.err(), HasSubstr(kNoSpace));

  ballast.reset();
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_EQ(contents(recover_and_start(host, 18, "latest", "recovered")), contents(source));
}

TEST_F(FullDisk, AtTheDestinationIsRefusedBeforeAnythingIsWritten) {
  const auto source = PostgresCluster::create(18);
  add_random_data(source, 30);
  const BackupHost host(source);
  host.backup();
  SmallDisk disk(24);
  const auto destination = disk.path() / "recovered";
  const auto outcome = host.pgkeep({"recover", "main", "latest", destination});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("24 MiB are free"));
  EXPECT_FALSE(fs::exists(destination));
  disk.resize(400);
  host.pgkeep_or_throw({"recover", "main", "latest", destination});
  run_or_throw({{"test", "-s", destination / "global" / "pg_control"}});
}

}  // namespace
}  // namespace pgkeep::test
