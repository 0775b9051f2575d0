// Every kind of recovery target brings back the rows of that moment, or is refused before anything is
// written.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// One history, recovered again and again: a backup, then the rows 1, 2 and 3 in table `events`, each in
/// another WAL segment.
class RecoveryTarget : public ::testing::TestWithParam<int> {
 protected:
  struct Moment {
    std::string time;
    std::string lsn;
    std::string xid;  // of the transaction that inserted the row
  };
  struct History {
    explicit History(int major_version) : major(major_version) {
      auto source = PostgresCluster::create(major);
      source.execute("CREATE TABLE events (id int)");
      host = std::make_unique<BackupHost>(source);
      host->install_program();
      auto receiver = host->receive_wal(source);
      host->backup();
      auto session = source.session();
      for (int id = 1; id <= 3; ++id) {
        auto& moment = after[id];
        moment.xid =
            session.value("INSERT INTO events VALUES (" + std::to_string(id) + ") RETURNING txid_current()");
        moment.lsn = session.value("SELECT pg_current_wal_insert_lsn()");
        moment.time = session.value("SELECT clock_timestamp()::timestamptz(6)");
        if (id == 1) session.execute("SELECT pg_create_restore_point('after the first')");
        session.execute("SELECT pg_switch_wal()");  // each row in a segment of its own
      }
      wait_until_flushed(source);
      receiver.signal(SIGTERM);
      receiver.wait();
    }
    int major;
    std::unique_ptr<BackupHost> host;
    std::map<int, Moment> after;
    int recoveries = 0;
  };

  void SetUp() override {
    PGKEEP_NEEDS_POSTGRES(GetParam());
    if (!history_ || history_->major != GetParam()) history_.emplace(GetParam());
  }
  static void TearDownTestSuite() { history_.reset(); }

  static const BackupHost& host() { return *history_->host; }
  static const Moment& after(int id) { return history_->after[id]; }
  static std::string new_directory() { return "recovered-" + std::to_string(++history_->recoveries); }

  /// The rows after a recovery with these options.
  static std::vector<int> rows(std::vector<std::string> options) {
    options.insert(options.end(), {"--target-action", "promote"});
    const auto recovered = recover_and_start(host(), GetParam(), "latest", new_directory(), options);
    std::vector<int> ids;
    for (const auto& row : recovered.rows("SELECT id FROM events ORDER BY 1"))
      ids.push_back(std::stoi(row[0]));
    return ids;
  }

  /// Exit code of a recovery with these options, which must leave nothing behind.
  static int exit_code_of_refusal(const std::vector<std::string>& options,
                                  const std::string& backup = "latest") {
    const auto destination = host().scratch(new_directory());
    std::vector<std::string> arguments = {"recover", "main", backup, destination};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const auto outcome = host().pgkeep(arguments);
    EXPECT_THAT(outcome.err, Not(IsEmpty())) << "a refusal must say why";
    EXPECT_FALSE(fs::exists(destination)) << outcome.text();
    return outcome.exit_code;
  }

 private:
  static std::optional<History> history_;
};
std::optional<RecoveryTarget::History> RecoveryTarget::history_;
PGKEEP_FOR_EACH_VERSION(RecoveryTarget);

TEST_P(RecoveryTarget, NoneGivesAllThereIs) {
  const auto recovered = recover_and_start(host(), GetParam(), "latest", new_directory());
  EXPECT_EQ(recovered.value("SELECT count(*) FROM events"), "3");
}

TEST_P(RecoveryTarget, ImmediateStopsAtTheBackup) {
  EXPECT_THAT(rows({"--target-immediate"}), IsEmpty());
}

TEST_P(RecoveryTarget, TimeStopsBeforeTheNextCommit) {
  EXPECT_THAT(rows({"--target-time", after(2).time}), ElementsAre(1, 2));
}

TEST_P(RecoveryTarget, TimeTakesNoMoreWalThanItNeeds) {
  const auto wal_files = [](const fs::path& directory) {
    return std::ranges::count_if(fs::directory_iterator(directory / "pg_wal"), [](const auto& entry) {
      return entry.path().filename().native().size() == std::string_view("000000010000000000000001").size();
    });
  };
  const auto all = host().recover("latest", new_directory());
  const auto some = host().recover("latest", new_directory(),
                                   {"--target-time", after(1).time, "--target-action", "promote"});
  EXPECT_LT(wal_files(some), wal_files(all));
  auto recovered = PostgresCluster::adopt(GetParam(), some);
  recovered.start();
  recovered.wait_until_recovered();
  EXPECT_EQ(recovered.value("SELECT array_agg(id) FROM events"), "{1}");
}

TEST_P(RecoveryTarget, TimeBehindTheLastCommitIsRefusedBeforehand) {
  const auto destination = host().scratch(new_directory());
  const auto outcome =
      host().pgkeep({"recover", "main", "latest", destination, "--target-time", "2100-01-01 00:00:00+00"});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("the last commit that is held was at"));
  EXPECT_FALSE(fs::exists(destination));
}

TEST_P(RecoveryTarget, XidStopsAfterItOrBeforeIt) {
  EXPECT_THAT(rows({"--target-xid", after(2).xid}), ElementsAre(1, 2));
  EXPECT_THAT(rows({"--target-xid", after(2).xid, "--exclusive"}), ElementsAre(1));
}

TEST_P(RecoveryTarget, NameStopsAtTheRestorePoint) {
  EXPECT_THAT(rows({"--target-name", "after the first"}), ElementsAre(1));
}

TEST_P(RecoveryTarget, LsnStopsThere) {
  EXPECT_THAT(rows({"--target-lsn", after(2).lsn}), ElementsAre(1, 2));
}

TEST_P(RecoveryTarget, IsHeldForALookWhenTheActionIsPause) {
  const auto directory =
      host().recover("latest", new_directory(), {"--target-lsn", after(1).lsn, "--target-action", "pause"});
  auto recovered = PostgresCluster::adopt(GetParam(), directory);
  recovered.start();
  EXPECT_EQ(recovered.value("SELECT count(*) FROM events"), "1");
  EXPECT_EQ(recovered.value("SELECT pg_is_in_recovery()"), "t");
  recovered.execute("SELECT pg_wal_replay_resume()");
  recovered.wait_until_recovered();
}

TEST_P(RecoveryTarget, OutsideWhatIsKeptIsRefused) {
  EXPECT_EQ(exit_code_of_refusal({"--target-lsn", "FF/12345678"}), 6);
  EXPECT_EQ(exit_code_of_refusal({"--target-lsn", "0/1000028"}), 6);
  EXPECT_EQ(exit_code_of_refusal({"--target-time", "2001-01-01 00:00:00+00"}), 6);
  EXPECT_EQ(exit_code_of_refusal({"--target-xid", "4000000000"}), 6);
}

TEST_P(RecoveryTarget, ThatMakesNoSenseIsAUsageError) {
  EXPECT_EQ(exit_code_of_refusal({"--target-lsn", "nonsense"}), 2);
  EXPECT_EQ(exit_code_of_refusal({"--target-time", "yesterday-ish"}), 2);
  EXPECT_EQ(exit_code_of_refusal({"--target-lsn", after(1).lsn, "--target-immediate"}), 2);
  EXPECT_EQ(exit_code_of_refusal({"--target-tli", "7"}), 6);
  EXPECT_EQ(exit_code_of_refusal({}, "20010101T000000Z"), 3);
}

TEST_P(RecoveryTarget, DryRunTellsThePlanAndWritesNothing) {
  const auto destination = host().scratch(new_directory());
  const auto said = host().pgkeep_or_throw(
      {"recover", "main", "latest", destination, "--target-lsn", after(2).lsn, "--dry-run"});
  EXPECT_THAT(said, HasSubstr(host().backup_ids().back()));
  EXPECT_FALSE(fs::exists(destination));
}

TEST_P(RecoveryTarget, DirectoryWithFilesInItIsLeftAlone) {
  const auto destination = host().scratch(new_directory());
  fs::create_directory(destination);
  const auto keepsake = destination / "keepsake";
  run_or_throw({{"touch", keepsake}});
  const auto outcome = host().pgkeep({"recover", "main", "latest", destination});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr(destination.native()));
  EXPECT_EQ(std::distance(fs::directory_iterator(destination), {}), 1);
}

TEST_P(RecoveryTarget, IsReachedByFetchingWalToo) {
  auto recovered = PostgresCluster::adopt(
      GetParam(), host().recover("latest", new_directory(),
                                 {"--target-lsn", after(2).lsn, "--target-action", "promote", "--get-wal"}));
  // The server runs restore_command as its own user, who may not read what root keeps.
  give_to_postgres(host().config_file().parent_path());
  recovered.start();
  recovered.wait_until_recovered();
  EXPECT_EQ(recovered.value("SELECT count(*) FROM events"), "2");
}

}  // namespace
}  // namespace pgkeep::test
