// A busy server that is backed up every day for a month, across two failovers and a gap, with an expiry after
// each backup: what stays is what the policy says, and all of it recovers. Days pass on a clock of the test.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"
#include "tests/support/test_clock.h"

namespace pgkeep::test {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using testing::Contains;

/// As many as the environment's PGKEEP_DAYS says. Fewer than a month do in every run of all tests: two
/// failovers, a gap, and expired backups on each side of them.
int days_to_pass() {
  const char* text = std::getenv("PGKEEP_DAYS");
  return text == nullptr ? 11 : std::max(6, std::atoi(text));
}

// What the policy of the story says. Its first day is a Monday, so that of eleven days the sixth is kept as
// the end of a week alone.
constexpr int kWindowDays = 2;
constexpr int kDaily = 3;
constexpr int kWeekly = 2;
constexpr const char* kPolicy = "{recovery_window: 2d, keep: {daily: 3, weekly: 2}, grace: 12h}";

/// What a day leaves: its backup, and a moment after it at which what the server held is known.
struct Day {
  sys_days date;
  std::string backup;
  std::string lsn;   // of that moment
  std::string time;  // the same on the server's clock
  std::string contents;
};

int week_of(sys_days date) {
  constexpr int kSundayIsLast = 3;  // 1970-01-01 was a Thursday
  return static_cast<int>((date.time_since_epoch().count() + kSundayIsLast) / 7);
}

/// The policy in other words than pgkeep's: days whose backup stays, oldest first.
std::vector<std::string> backups_to_keep(const std::vector<Day>& past) {
  std::set<std::string> kept;
  const auto today = past.back().date;
  std::optional<std::string> reaches_window;
  for (const auto& day : past) {
    // Taken at about the same time each day, so the one of three days ago is a little before the window or in
    // it.
    if (day.date <= today - days(kWindowDays))
      reaches_window = day.backup;
    else
      kept.insert(day.backup);
  }
  if (reaches_window) kept.insert(*reaches_window);
  for (std::size_t i = past.size() - std::min<std::size_t>(past.size(), kDaily); i < past.size(); ++i)
    kept.insert(past[i].backup);
  std::set<int> weeks;
  for (auto day = past.rbegin(); day != past.rend() && weeks.size() < kWeekly; ++day)
    if (weeks.insert(week_of(day->date)).second) kept.insert(day->backup);
  return {kept.begin(), kept.end()};
}

/// Noon of the last Monday from which so many days are over by now: no day of the story ends while it runs.
std::chrono::system_clock::time_point first_noon(int days_to_pass) {
  auto day = std::chrono::floor<days>(std::chrono::system_clock::now()) - days(days_to_pass);
  while (std::chrono::weekday(day) != std::chrono::Monday) day -= days(1);
  return day + std::chrono::hours(12);
}

class ThirtyDays : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    PGKEEP_NEEDS_POSTGRES(GetParam());
    clock_.emplace(lag_on(0));
    clusters_.push_back(PostgresCluster::create(
        GetParam(), {.initdb = {"--wal-segsize=1"},
                     .settings = {{"min_wal_size", "2MB"},
                                  {"max_wal_size", "4MB"},
                                  {"wal_sender_timeout", "0"}}}));  // a day passes in no time
    primary().pgbench_init(1);
    host_.add_server("main", primary().conninfo(), {{"retention", kPolicy}, {"longest_retry", "1s"}});
    receive();
  }

  /// On the first day it is noon when the story begins; the clock goes on, so that what is done on a later
  /// day is done later in the day.
  std::chrono::seconds lag_on(int day) const { return lag_at_first_ - days(day); }

  PostgresCluster& primary() { return clusters_.back(); }
  void receive() { receivers_.push_back(host_.receive_wal(primary())); }

  /// Of those that have not expired, which are listed until their grace time is over.
  std::vector<std::string> backups_that_stay() const {
    std::vector<std::string> ids;
    for (const auto& backup : host_.json({"list-backups", "main"}))
      if (backup.at("retention").at("expired").is_null()) ids.push_back(backup.at("id"));
    std::ranges::sort(ids);
    return ids;
  }

  std::string contents_of(const PostgresCluster& cluster) const {
    return cluster.value(
        "SELECT (SELECT md5(string_agg(aid || ':' || abalance, ',' ORDER BY aid)) FROM pgbench_accounts)"
        " || ' ' || (SELECT count(*) || ' rows, ' || coalesce(sum(delta), 0) FROM pgbench_history)");
  }

  /// To a standby, which is the primary then.
  void fail_over() {
    wait_until_flushed(primary());
    auto standby = PostgresCluster::standby_of(primary());
    wait_until_replayed(standby, primary().current_lsn());
    primary().stop();
    standby.promote();
    clusters_.push_back(std::move(standby));
    host_.set_conninfo("main", primary().conninfo());
    end_in_order(receivers_.back());
    receive();
  }

  /// WAL that nobody has, after that of the day before.
  void lose_wal() {
    wait_until_flushed(primary());
    end_in_order(receivers_.back());
    wait_until(
        [&] {
          return primary().value("SELECT active FROM pg_replication_slots WHERE slot_name = 'pgkeep'") == "f";
        },
        "nobody holds the slot");
    primary().execute("SELECT pg_drop_replication_slot('pgkeep')");
    for (int i = 0; i < 6; ++i) {
      primary().pgbench(500);
      primary().execute("SELECT pg_switch_wal()");
      primary().execute("CHECKPOINT");
    }
    receive();
    wait_until_flushed(primary());
  }

  /// A backup under load, and a moment after it without.
  Day pass_day() {
    Day day;
    day.date = std::chrono::floor<days>(clock_->now());
    {
      const auto load = primary().pgbench_throughout();
      day.backup = host_.backup();
    }
    wait_until(
        [&] {
          return primary().value(
                     "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'") == "0";
        },
        "the load has ended");
    day.contents = contents_of(primary());
    day.lsn = primary().current_lsn();
    day.time =
        primary().value("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.USZ')");
    // A commit that is not of that day any more, so that the time can be told from the end of the WAL.
    primary().execute("UPDATE pgbench_branches SET bbalance = bbalance");
    wait_until_flushed(primary());
    host_.pgkeep_or_throw({"expire", "main"});
    return day;
  }

  void expect_recovers_to(const Day& day, const std::string& backup, const std::vector<std::string>& target) {
    auto options = target;
    options.insert(options.end(), {"--target-action", "promote"});
    const auto recovered =
        recover_and_start(host_, GetParam(), backup, fmt::format("recovered{}", ++recoveries_), options);
    EXPECT_EQ(contents_of(recovered), day.contents) << day.backup << " by " << target.back();
  }

  const int total_ = days_to_pass();
  const std::chrono::seconds lag_at_first_ =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now() - first_noon(total_));
  int recoveries_ = 0;
  std::optional<TestClock> clock_;
  std::list<PostgresCluster> clusters_;
  BackupHost host_;
  std::list<Process> receivers_;
};
PGKEEP_FOR_EACH_VERSION(ThirtyDays);

TEST_P(ThirtyDays, LeaveWhatThePolicySaysAndAllOfItRecovers) {
  std::vector<Day> past;
  std::uint64_t most_bytes = 0;
  for (int i = 0; i < total_; ++i) {
    clock_->set(lag_on(i));
    if (i == total_ / 3 || i == total_ * 2 / 3) fail_over();
    if (i == total_ / 2) lose_wal();
    past.push_back(pass_day());
    ASSERT_EQ(backups_that_stay(), backups_to_keep(past)) << "on day " << i;
    // Within the window each known moment stays recoverable.
    for (const auto& day : past) {
      if (day.date <= past.back().date - days(kWindowDays)) continue;
      const auto planned = host_.pgkeep(
          {"recover", "main", "auto", host_.scratch("planned"), "--target-time", day.time, "--dry-run"});
      EXPECT_EQ(planned.exit_code, 0) << "on day " << i << ": " << planned.text();
    }
    if (i < total_ / 2)
      most_bytes = std::max(most_bytes, host_.stored_bytes());
    else
      EXPECT_LT(host_.stored_bytes(), most_bytes * 2) << "on day " << i;
  }
  EXPECT_THAT(events(host_), Contains("gap").Times(1));
  end_in_order(receivers_.back());
  const auto kept = backups_to_keep(past);
  for (const auto& day : past) {
    if (!std::ranges::count(kept, day.backup)) continue;
    host_.pgkeep_or_throw({"verify-backup", "main", day.backup});
    expect_recovers_to(day, day.backup, {"--target-lsn", day.lsn});
    if (day.date > past.back().date - days(kWindowDays))
      expect_recovers_to(day, "auto", {"--target-time", day.time});
  }
  host_.pgkeep_or_throw({"rebuild-catalog", "main"});
  EXPECT_EQ(backups_that_stay(), kept);
}

}  // namespace
}  // namespace pgkeep::test
