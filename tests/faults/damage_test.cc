// Damage on the backup host's disk is named, never passed on.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// One repository with two backups and WAL after them; each test damages it, looks, and puts it right again.
class Damage : public ::testing::Test {
 protected:
  struct Kept {
    Kept() {
      const auto source = PostgresCluster::create(18);
      source.pgbench_init(2);
      host = std::make_unique<BackupHost>(source);
      auto receiver = host->receive_wal(source);
      host->backup();
      source.pgbench(300);
      host->backup();
      for (int i = 0; i < 3; ++i) {
        source.pgbench(100);
        after_the_backup.push_back(source.value("SELECT pg_walfile_name(pg_current_wal_lsn())"));
        source.execute("SELECT pg_switch_wal()");
      }
      wait_until_flushed(source);
      receiver.signal(SIGTERM);
      receiver.wait();
    }
    std::unique_ptr<BackupHost> host;
    std::vector<std::string> after_the_backup;  // WAL segments, complete
  };

  void SetUp() override {
    PGKEEP_NEEDS_POSTGRES(18);
    if (!kept_) kept_.emplace();
  }
  static void TearDownTestSuite() { kept_.reset(); }
  static const BackupHost& host() { return *kept_->host; }

  static std::vector<fs::path> packs() {
    std::vector<fs::path> result;
    for (const auto& entry : fs::directory_iterator(host().repository() / "main" / "packs"))
      result.push_back(entry.path());
    return result;
  }
  static fs::path largest_pack() {
    const auto all = packs();
    return *std::ranges::max_element(all, {}, [](const fs::path& path) { return fs::file_size(path); });
  }
  static fs::path stored_segment(const std::string& name) {
    for (const auto& entry : fs::recursive_directory_iterator(host().repository() / "main" / "wal"))
      if (entry.path().filename().native().starts_with(name)) return entry.path();
    throw std::runtime_error(name + " is not in the archive");
  }
  static void write(const fs::path& path, const std::string& content) {
    std::ofstream stream(path, std::ios::binary);
    stream << content;
  }

  /// verify-backup of the newest backup fails and names `what`.
  static void expect_verification_names(const std::string& what) {
    const auto outcome = host().pgkeep({"verify-backup", "main", "latest"});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_THAT(outcome.out + outcome.err, HasSubstr(what));
  }
  /// recover fails and leaves nothing that a server would start on.
  static Outcome expect_no_recovery(const std::vector<std::string>& options = {}) {
    const auto destination = host().scratch("must-not-start");
    std::vector<std::string> arguments = {"recover", "main", "latest", destination};
    arguments.insert(arguments.end(), options.begin(), options.end());
    auto outcome = host().pgkeep(arguments);
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_FALSE(fs::exists(destination / "global" / "pg_control"));
    fs::remove_all(destination);
    return outcome;
  }

  static std::optional<Kept> kept_;
};
std::optional<Damage::Kept> Damage::kept_;

TEST_F(Damage, OfOneBitInAPackIsNamed) {
  const auto pack = largest_pack();
  const auto original = read_file(pack);
  auto flipped = original;
  flipped[flipped.size() / 3] = static_cast<char>(flipped[flipped.size() / 3] ^ 0x10);
  write(pack, flipped);
  expect_verification_names(pack.filename());
  expect_no_recovery();
  write(pack, original);
  host().pgkeep_or_throw({"verify-backup", "main", "latest"});
}

TEST_F(Damage, OfATruncatedPackIsNamed) {
  for (const auto& pack : packs()) {
    const auto original = read_file(pack);
    write(pack, original.substr(0, original.size() - 100));
    expect_verification_names(pack.filename());
    const auto outcome = expect_no_recovery();
    EXPECT_THAT(outcome.err, HasSubstr(pack.filename().native()));
    write(pack, original);
  }
  host().pgkeep_or_throw({"verify-backup", "main", "latest"});
}

TEST_F(Damage, OfAMissingPackIsNamed) {
  const auto pack = largest_pack();
  const auto aside = host().scratch("aside");
  fs::rename(pack, aside);
  expect_verification_names("pack " + pack.stem().native());
  expect_no_recovery();
  fs::rename(aside, pack);
}

TEST_F(Damage, ByAMissingSegmentIsRefusedBeforeAnythingIsWritten) {
  const auto& missing = kept_->after_the_backup[1];
  const auto stored = stored_segment(missing);
  const auto aside = host().scratch("aside");
  fs::rename(stored, aside);
  const auto destination = host().scratch("refused");
  const auto outcome = host().pgkeep({"recover", "main", "latest", destination});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr(missing));
  EXPECT_FALSE(fs::exists(destination));
  // Up to the hole it still goes.
  host().recover("latest", "up-to-the-hole", {"--target-immediate"});
  fs::rename(aside, stored);
}

TEST_F(Damage, ByAMissingSegmentThatTheBackupNeedsIsNamed) {
  const auto backup = host().json({"show-backup", "main", "latest"});
  const auto first = backup.at("begin_wal").get<std::string>();
  const auto stored = stored_segment(first);
  const auto aside = host().scratch("aside");
  fs::rename(stored, aside);
  expect_verification_names(first);
  const auto outcome = expect_no_recovery({"--target-immediate"});
  EXPECT_EQ(outcome.exit_code, 6);
  EXPECT_THAT(outcome.err, HasSubstr(first));
  fs::rename(aside, stored);
}

TEST_F(Damage, OfASegmentIsNotDelivered) {
  const auto& name = kept_->after_the_backup[0];
  const auto stored = stored_segment(name);
  const auto original = read_file(stored);
  auto flipped = original;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  write(stored, flipped);
  const auto outcome = expect_no_recovery();
  EXPECT_THAT(outcome.err, HasSubstr(name));
  write(stored, original);
}

TEST_F(Damage, OfOneBackupsRecordKeepsNothingElseFromBeingDone) {
  const auto ids = host().backup_ids();
  const auto record = host().repository() / "main/backups" / ids.front() / "backup.json";
  auto flipped = read_file(record);
  flipped[1] = static_cast<char>(flipped[1] ^ 0x20);
  write(record, flipped);
  const auto checked = host().pgkeep({"check", "main"});
  EXPECT_THAT(checked.out + checked.err, HasSubstr("pgkeep delete main " + ids.front()));
  host().recover("latest", "beside-a-damaged-record");
  host().recover("auto", "beside-a-damaged-record-by-itself");
  // Nobody knows which packs the damaged one needs, so all are kept while it is there.
  host().pgkeep_or_throw({"verify-backup", "main", ids.back()});
  host().pgkeep_or_throw({"delete", "main", ids.front()});
  EXPECT_FALSE(fs::exists(record.parent_path()));
  EXPECT_THAT(host().backup_ids(), ::testing::ElementsAre(ids.back()));
  host().pgkeep_or_throw({"verify-backup", "main", ids.back()});
}

TEST_F(Damage, OfAnotherTimelinesHistoryStopsNothing) {
  const auto history = host().repository() / "main/wal/00000007.history";
  write(history, "1\tQ/3000000\tan experiment\n");
  for (const auto& command : {"list-wal", "list-backups", "status"}) {
    const auto outcome = host().pgkeep({command, "main"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
    EXPECT_THAT(outcome.err, HasSubstr("00000007.history")) << command;
  }
  host().recover("latest", "beside-a-damaged-history");
  const auto refused =
      host().pgkeep({"recover", "main", "latest", host().scratch("along"), "--target-tli", "7"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("pgkeep put-wal main 00000007.history"));
  fs::remove(history);
}

/// A page on the source's own disk that has lost a bit: the server says so at the end of the backup.
TEST(DamageOfTheSource, IsFlaggedAndTheEarlierBackupKept) {
  PGKEEP_NEEDS_POSTGRES(18);
  auto source = PostgresCluster::create(18);
  source.pgbench_init(1);
  const BackupHost host(source);
  const auto good = host.backup();
  const auto relation = source.value("SELECT pg_relation_filepath('pgbench_accounts')");
  source.stop();
  auto content = read_file(source.data_directory() / relation);
  content[5000] = static_cast<char>(content[5000] ^ 1);
  std::ofstream(source.data_directory() / relation, std::ios::binary) << content;
  source.start();

  const auto outcome = host.pgkeep({"backup", "main"});
  EXPECT_EQ(outcome.exit_code, 5) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("checksum"));
  EXPECT_THAT(outcome.err, HasSubstr(relation));
  EXPECT_THAT(host.backup_ids(), ::testing::Contains(good));
  host.pgkeep_or_throw({"verify-backup", "main", good});
}

}  // namespace
}  // namespace pgkeep::test
