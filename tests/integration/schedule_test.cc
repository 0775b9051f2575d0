// Backups and expiries that nobody calls for: by the clock of the daemon, or by cron.
#include <algorithm>
#include <array>
#include <csignal>
#include <map>

#include <gmock/gmock.h>

#include "catalog/records/run_journal.h"
#include "catalog/store/layout.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

using catalog::RunOutcome;
using catalog::RunRecord;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

class Schedule : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  void add_server(const std::string& name, const PostgresCluster& cluster, const std::string& schedule) {
    host_.add_server(name, cluster.conninfo(),
                     {{"slot", name},
                      {"longest_retry", "1s"},
                      {"watch_interval", "1s"},
                      {"schedule", schedule},
                      {"retention", "{redundancy: 2, grace: 0}"}});
  }
  std::vector<RunRecord> runs(const std::string& server, const std::string& kind) const {
    auto runs = catalog::RunJournal(store::ServerLayout(host_.repository() / server)).read();
    std::erase_if(runs, [&](const RunRecord& run) { return run.kind != kind; });
    return runs;
  }
  std::size_t successes(const std::string& server, const std::string& kind) const {
    return static_cast<std::size_t>(
        std::ranges::count(runs(server, kind), RunOutcome::succeeded, &RunRecord::outcome));
  }
  void wait_until_each_has(std::size_t backups) const {
    for (const auto* server : kServers) {
      wait_until(
          [&] {
            return successes(server, "backup") >= backups && successes(server, "expire") >= backups - 1;
          },
          std::string(server) + " has been backed up so often");
    }
  }

  static constexpr std::array kServers{"one", "two", "three"};
  BackupHost host_;
};
PGKEEP_FOR_EACH_VERSION(Schedule);

TEST_P(Schedule, RunsAtItsTimesThroughAKillOfTheDaemonAndLosesOrDoublesNoRun) {
  const auto cluster = PostgresCluster::create(GetParam());
  for (const auto* server : kServers) add_server(server, cluster, "{backup: every 2s, expire: after backup}");
  {
    auto daemon = host_.serve(cluster, 3);
    wait_until_each_has(3);
    const auto begun = runs("one", "backup").size();
    wait_until([&] { return runs("one", "backup").size() > begun; }, "another backup has begun");
    daemon.signal(SIGKILL);
    daemon.wait();
  }
  std::map<std::string, std::size_t> before;
  for (const auto* server : kServers) before[server] = successes(server, "backup");
  auto daemon = host_.serve(cluster, 3);
  for (const auto* server : kServers)
    wait_until([&] { return successes(server, "backup") >= before[server] + 2; }, "backups go on");
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);

  std::vector<RunRecord> all;
  for (const auto* server : kServers) {
    const auto own = runs(server, "backup");
    std::optional<io::TimePoint> last;
    for (const auto& run : own) {
      EXPECT_NE(run.outcome, RunOutcome::failed) << run.error;
      if (last) {
        EXPECT_GE(run.started - *last, std::chrono::seconds(2)) << run.id << " came twice";
      }
      if (run.outcome == RunOutcome::succeeded) last = run.started;
      all.push_back(run);
    }
    EXPECT_THAT(host_.backup_ids(server), SizeIs(Le(4U)))
        << "two, one that has expired and goes with the next expiry, and one that came after the last";
    EXPECT_GE(own.size(), 5U);
    host_.pgkeep_or_throw({"verify-backup", server, "all"});
  }
  std::ranges::sort(all, {}, &RunRecord::started);
  for (std::size_t i = 1; i < all.size(); ++i)
    EXPECT_GE(all[i].started, all[i - 1].ended.value_or(all[i - 1].started))
        << all[i - 1].id << " and " << all[i].id << " ran together on one host";
}

TEST_P(Schedule, IsNotNeededForADeletedBackupToGoNorIsAPolicy) {
  const auto cluster = PostgresCluster::create(GetParam());
  host_.add_server("one", cluster.conninfo(),
                   {{"slot", "one"}, {"watch_interval", "1s"}, {"retention", "{grace: 1s}"}});
  auto daemon = host_.serve(cluster);
  for (int i = 0; i < 2; ++i) host_.pgkeep_or_throw({"backup", "one"});
  const auto ids = host_.backup_ids("one");
  EXPECT_EQ(host_.pgkeep({"delete", "one", ids[0], ids[1]}).exit_code, 6) << "none would be left";
  EXPECT_THAT(host_.pgkeep_or_throw({"delete", "one", ids[0]}), HasSubstr("pgkeep undelete one " + ids[0]));
  wait_until([&] { return host_.backup_ids("one").size() == 1; }, "the deleted backup has gone");
  // The end of the run is recorded after what it removed has gone.
  wait_until([&] { return successes("one", "expire") != 0; }, "the expiry has ended");
  EXPECT_EQ(successes("one", "expire"), 1U);
  host_.pgkeep_or_throw({"verify-backup", "one", ids[1]});
  EXPECT_EQ(host_.pgkeep({"verify-wal", "one"}).exit_code, 0);
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

TEST_P(Schedule, IsDoneOnceByCron) {
  const auto cluster = PostgresCluster::create(GetParam());
  add_server("one", cluster, "{backup: {every: 1d}, expire: after backup}");
  EXPECT_THAT(host_.pgkeep_or_throw({"cron", "--dry-run"}), HasSubstr("one: backup is due"));
  EXPECT_THAT(runs("one", "backup"), SizeIs(0));
  host_.pgkeep_or_throw({"cron"});
  EXPECT_EQ(successes("one", "backup"), 1U);
  EXPECT_EQ(successes("one", "expire"), 1U);
  host_.pgkeep_or_throw({"cron"});
  EXPECT_THAT(runs("one", "backup"), SizeIs(1)) << "nothing is due any more";
  const auto jobs = host_.json({"list-jobs"});
  ASSERT_THAT(jobs, SizeIs(2));
  EXPECT_EQ(jobs[0].at("last").at("outcome"), "succeeded");
  host_.pgkeep_or_throw({"run-job", "one", "backup"});
  EXPECT_EQ(successes("one", "backup"), 2U);
  const auto shown = host_.json({"show-job", "one", runs("one", "backup")[0].id});
  EXPECT_EQ(shown.at("outcome"), "succeeded");
}

}  // namespace
}  // namespace pgkeep::test
