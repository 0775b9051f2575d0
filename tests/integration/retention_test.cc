// A server that is backed up, promoted and written to for days, and whose old backups and WAL go as its
// policy says.
#include <csignal>
#include <deque>
#include <filesystem>
#include <list>

#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"

namespace pgkeep::test {
namespace {

using testing::Not;

class Retention : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static ClusterOptions small() {
    return {.initdb = {"--wal-segsize=1"}, .settings = {{"min_wal_size", "2MB"}, {"max_wal_size", "4MB"}}};
  }
  static std::size_t wal_files(const BackupHost& host) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(host.repository() / "main/wal"))
      if (entry.path().extension() == ".zst") ++files;
    return files;
  }
  /// To a standby, which is the last of them then.
  static void fail_over(std::list<PostgresCluster>& clusters) {
    auto& primary = clusters.back();
    wait_until_flushed(primary);
    auto standby = PostgresCluster::standby_of(primary);
    wait_until_replayed(standby, primary.current_lsn());
    primary.stop();
    standby.promote();
    clusters.push_back(std::move(standby));
  }
  static void expire(const BackupHost& host) { host.pgkeep_or_throw({"expire", "main"}); }
};
PGKEEP_FOR_EACH_VERSION(Retention);

TEST_P(Retention, KeepsWhatThePolicySaysAndAllOfThatIsGood) {
  std::list<PostgresCluster> clusters;
  clusters.push_back(PostgresCluster::create(GetParam(), small()));
  BackupHost host(clusters.back());
  host.set_key("main", "retention", "{redundancy: 2, grace: 0}");
  struct Backup {
    std::string id;
    std::string rows;
  };
  std::deque<Backup> kept;
  std::list<Process> receivers;
  receivers.push_back(host.receive_wal(clusters.back()));
  std::uint64_t most_bytes = 0;
  std::size_t most_wal = 0;
  constexpr int kDays = 8;
  for (int day = 0; day < kDays; ++day) {
    add_rows(clusters.back(), day * 3000 + 1, day * 3000 + 3000);
    if (day == 3 || day == 6) {
      fail_over(clusters);
      host.set_conninfo("main", clusters.back().conninfo());
      end_in_order(receivers.back());
      receivers.push_back(host.receive_wal(clusters.back()));
    }
    kept.push_back({host.backup(), count_rows(clusters.back())});
    expire(host);
    expire(host);
    if (kept.size() > 2) kept.pop_front();
    std::vector<std::string> ids;
    for (const auto& backup : kept) ids.push_back(backup.id);
    ASSERT_EQ(host.backup_ids(), ids) << "on day " << day;
    // What is stored grows no more once the policy takes.
    if (day < 4) {
      most_bytes = std::max(most_bytes, host.stored_bytes());
      most_wal = std::max(most_wal, wal_files(host));
    } else {
      EXPECT_LT(host.stored_bytes(), most_bytes * 2) << "on day " << day;
      EXPECT_LT(wal_files(host), most_wal * 2) << "on day " << day;
    }
  }
  add_rows(clusters.back(), kDays * 3000 + 1, kDays * 3000 + 10);
  wait_until_flushed(clusters.back());
  end_in_order(receivers.back());
  EXPECT_THAT(events(host), Not(testing::Contains("gap")));
  for (const auto& backup : kept) {
    host.pgkeep_or_throw({"verify-backup", "main", backup.id});
    const auto at_backup = recover_and_start(host, GetParam(), backup.id, "at_" + backup.id,
                                             {"--target-immediate", "--target-action", "promote"});
    EXPECT_EQ(count_rows(at_backup), backup.rows);
    EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), backup.id, "end_" + backup.id)),
              std::to_string(kDays * 3000 + 10));
  }
  EXPECT_EQ(host.pgkeep({"verify-wal", "main"}).exit_code, 0) << host.pgkeep({"verify-wal", "main"}).text();
  host.pgkeep_or_throw({"rebuild-catalog", "main"});
}

TEST_P(Retention, RemovesNothingThatIsStillReceivedOrRecovered) {
  const auto source = PostgresCluster::create(GetParam(), small());
  BackupHost host(source);
  host.set_key("main", "retention", "{redundancy: 1, grace: 0}");
  auto receiver = host.receive_wal(source);
  add_rows(source, 1, 5000);
  const auto first = host.backup();
  add_rows(source, 5001, 10000);
  host.backup();
  wait_until_flushed(source);
  expire(host);
  // Stopped while it holds the backup; nothing of it, nor of its WAL, may go.
  auto recovery = host.start_pgkeep({"recover", "main", first, host.scratch("recovered"), "--jobs", "1"});
  wait_until([&] { return std::filesystem::exists(host.scratch("recovered") / "base"); }, "it is under way");
  recovery.signal(SIGSTOP);
  const auto said = host.pgkeep_or_throw({"expire", "main"});
  recovery.signal(SIGCONT);
  const auto outcome = recovery.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text();
  if (said.find("is being read") != said.npos) {
    EXPECT_EQ(host.backup_ids().size(), 2u);
    expire(host);
  }
  EXPECT_EQ(host.backup_ids().size(), 1u);
  add_rows(source, 10001, 10010);
  wait_until_flushed(source);
  end_in_order(receiver);
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "latest")), "10010");
}

/// The WAL between older backups goes while WAL is received; what is left of each backup is whole.
TEST_P(Retention, LeavesOlderBackupsNoMoreWalThanMakesThemConsistent) {
  const auto source = PostgresCluster::create(GetParam(), small());
  BackupHost host(source);
  auto receiver = host.receive_wal(source);
  constexpr int kBackups = 5;
  constexpr int kRows = 3000;
  std::vector<std::string> ids;
  std::vector<std::string> rows;
  for (int i = 0; i < kBackups; ++i) {
    add_rows(source, i * kRows + 1, i * kRows + kRows);
    ids.push_back(host.backup());
    rows.push_back(count_rows(source));
  }
  host.pgkeep_or_throw({"keep", "main", ids[0], "--standalone", "--reason", "the first"});
  add_rows(source, kBackups * kRows + 1, kBackups * kRows + 10);
  wait_until_flushed(source);
  const auto all_wal = wal_files(host);

  // With a window of an hour all backups are in it, and only the one that stands alone lets WAL go.
  host.set_key("main", "retention", "{redundancy: 9, wal_window: 1h, grace: 0}");
  expire(host);
  const auto with_window = wal_files(host);
  EXPECT_LT(with_window, all_wal);
  EXPECT_THAT(host.pgkeep_or_throw({"show-backup", "main", ids[0]}), testing::HasSubstr("consistent only"));
  EXPECT_THAT(host.pgkeep_or_throw({"show-backup", "main", ids[1]}),
              Not(testing::HasSubstr("consistent only")));
  // The others are kept the same way, as if they had left the window.
  for (int i = 1; i < kBackups - 1; ++i) host.pgkeep_or_throw({"keep", "main", ids[i], "--standalone"});
  expire(host);
  EXPECT_LT(wal_files(host), with_window);
  ASSERT_EQ(host.backup_ids(), ids);

  // A receiver that connects again looks for nothing that was let go.
  end_in_order(receiver);
  auto again = host.receive_wal(source);
  add_rows(source, kBackups * kRows + 11, kBackups * kRows + 20);
  wait_until_flushed(source);
  EXPECT_THAT(events(host), Not(testing::Contains("gap")));
  const auto checked = host.pgkeep({"check", "main", "--json"}).text();
  EXPECT_THAT(checked, Not(testing::HasSubstr("missing")));
  end_in_order(again);
  EXPECT_EQ(host.pgkeep({"verify-wal", "main"}).exit_code, 0) << host.pgkeep({"verify-wal", "main"}).text();
  EXPECT_EQ(host.pgkeep({"verify", "main"}).exit_code, 0) << host.pgkeep({"verify", "main"}).text();

  for (std::size_t i = 0; i < ids.size(); ++i) {
    host.pgkeep_or_throw({"verify-backup", "main", ids[i]});
    const auto at_backup = recover_and_start(host, GetParam(), ids[i], "at_" + ids[i],
                                             {"--target-immediate", "--target-action", "promote"});
    EXPECT_EQ(count_rows(at_backup), rows[i]);
  }
  const auto too_far = host.pgkeep({"recover", "main", ids[0], host.scratch("too_far")});
  EXPECT_NE(too_far.exit_code, 0);
  EXPECT_THAT(too_far.text(), testing::HasSubstr("was let go by the retention policy"));
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "latest", "end")),
            std::to_string(kBackups * kRows + 20));
}

}  // namespace
}  // namespace pgkeep::test
