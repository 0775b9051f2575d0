#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "server/schedule/job_queue.h"
#include "tests/unit/server/schedule/samples.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using catalog::RunOutcome;
using catalog::RunRecord;

/// 200 servers on 100 hosts, with a clock that the test sets, minute by minute: backups take up to ten
/// minutes, one in twenty fails. Stands where the daemon does, and decides as that does: by runs alone.
class SimulatedFleet {
 public:
  static constexpr int kServers = 200;
  static constexpr JobLimits kLimits{.backups = 20, .per_host = 1};

  explicit SimulatedFleet(JobSchedule schedule) : schedule_(std::move(schedule)) {}

  void run(io::TimePoint from, io::TimePoint to) {
    for (auto now = from; now < to; now += 1min) {
      end_what_has_ended(now);
      add_what_is_due(now);
      while (const auto job = queue_.begin_next(kLimits)) begin(*job, now);
      check_limits();
    }
  }
  /// As a daemon that is killed and started again: what it knew is gone, what it ran is interrupted.
  void restart(io::TimePoint now) {
    for (const auto& job : queue_.running()) {
      auto& run = runs_[job.server].back();
      run.outcome = RunOutcome::interrupted;
      run.ended = now;
    }
    queue_ = {};
    look_at_ = {};
  }

  const std::vector<RunRecord>& runs(int server) { return runs_[name(server)]; }
  static std::string name(int server) { return fmt::format("server{}", server); }

 private:
  void end_what_has_ended(io::TimePoint now) {
    std::vector<std::string> ended;
    for (const auto& job : queue_.running())
      if (ends_[job.server] <= now) ended.push_back(job.server);
    for (const auto& server : ended) {
      auto& run = runs_[server].back();
      run.ended = now;
      run.outcome = run.kind == "backup" && chance_() % 20 == 0 ? RunOutcome::failed : RunOutcome::succeeded;
      queue_.end(server, parse_job_kind(run.kind).value());
      look_at_ = {};
    }
  }

  void add_what_is_due(io::TimePoint now) {
    for (int i = 0; i < kServers; ++i) {
      auto& look_at = look_at_[static_cast<std::size_t>(i)];
      if (look_at > now) continue;
      const auto server = name(i);
      auto next = now + 24h;
      const auto& runs = runs_[server];
      const auto recent = std::span(runs).last(std::min<std::size_t>(runs.size(), 20));
      for (const auto& job : plan_jobs(server, schedule_, recent, now)) {
        if (job.may_begin(now)) queue_.add({server, fmt::format("host{}", i / 2), job.kind, job.due, ""});
        next = std::min(next, std::max(job.begins, now + 1min));
      }
      look_at = next;
    }
  }

  void begin(const QueuedJob& job, io::TimePoint now) {
    ASSERT_EQ(window_at(schedule_, now), nullptr) << io::format_time(now);
    RunRecord run;
    run.id = fmt::format("{}-{}", to_string(job.kind), now.time_since_epoch().count());
    run.kind = to_string(job.kind);
    run.started = now;
    run.outcome = RunOutcome::running;
    runs_[job.server].push_back(run);
    ends_[job.server] = now + (job.kind == JobKind::backup ? std::chrono::minutes(1 + chance_() % 10)
                                                           : std::chrono::minutes(1));
  }

  void check_limits() const {
    std::set<std::string> hosts;
    std::size_t backups = 0;
    for (const auto& job : queue_.running()) {
      if (job.kind != JobKind::backup) continue;
      ++backups;
      ASSERT_TRUE(hosts.insert(job.host).second) << "two on " << job.host;
    }
    ASSERT_LE(backups, kLimits.backups);
  }

  JobSchedule schedule_;
  JobQueue queue_;
  std::map<std::string, std::vector<RunRecord>> runs_;
  std::map<std::string, io::TimePoint> ends_;
  std::array<io::TimePoint, kServers> look_at_{};  // each server: when something may be due
  std::minstd_rand chance_{20261130};
};

JobSchedule nightly() {
  JobSchedule schedule;
  schedule.backup = timing("02:00");
  schedule.expire = timing("after backup");
  schedule.zone = TimeZone::find("Europe/Berlin").value();
  schedule.spread = 2h;
  schedule.never = {window("08:00-18:00 Mon-Fri")};
  return schedule;
}

std::size_t count(const std::vector<RunRecord>& runs, std::string_view kind, RunOutcome outcome,
                  io::TimePoint from, io::TimePoint to) {
  return static_cast<std::size_t>(std::ranges::count_if(runs, [&](const RunRecord& run) {
    return run.kind == kind && run.outcome == outcome && run.started >= from && run.started < to;
  }));
}

/// Each night has exactly one backup of each server that succeeded, and an expiry after it.
void expect_one_each_night(SimulatedFleet& fleet, io::TimePoint noon, int nights) {
  const auto zone = TimeZone::find("Europe/Berlin").value();
  for (int night = 0; night < nights; ++night) {
    const auto from = zone.to_time(zone.to_local(noon) + std::chrono::days(night));
    const auto to = zone.to_time(zone.to_local(noon) + std::chrono::days(night + 1));
    for (int i = 0; i < SimulatedFleet::kServers; ++i) {
      ASSERT_EQ(count(fleet.runs(i), "backup", RunOutcome::succeeded, from, to), 1U)
          << SimulatedFleet::name(i) << " from " << io::format_time(from);
      ASSERT_EQ(count(fleet.runs(i), "expire", RunOutcome::succeeded, from, to), 1U)
          << SimulatedFleet::name(i) << " from " << io::format_time(from);
    }
  }
}

TEST(FleetScheduleTest, BacksUpEachServerOnceANightForAMonthWithTheClocksSetForward) {
  SimulatedFleet fleet(nightly());
  const auto noon = at("2026-03-10T11:00:00Z");
  fleet.run(noon - 24h, noon);  // the first backups, which are due at once
  fleet.run(noon, noon + std::chrono::days(31));
  expect_one_each_night(fleet, noon, 30);
}

TEST(FleetScheduleTest, BacksUpEachServerOnceANightForAMonthWithTheClocksSetBack) {
  SimulatedFleet fleet(nightly());
  const auto noon = at("2026-10-10T10:00:00Z");
  fleet.run(noon - 24h, noon);
  fleet.run(noon, noon + std::chrono::days(31));
  expect_one_each_night(fleet, noon, 30);
}

TEST(FleetScheduleTest, LosesAndDoublesNothingWhenItIsKilledEveryTwentyMinutes) {
  SimulatedFleet fleet(nightly());
  const auto noon = at("2026-11-10T11:00:00Z");
  fleet.run(noon - 24h, noon);
  for (auto time = noon; time < noon + std::chrono::days(5); time += 20min) {
    fleet.run(time, time + 20min);
    fleet.restart(time + 20min);
  }
  expect_one_each_night(fleet, noon, 5);
}

TEST(FleetScheduleTest, MakesUpOnceForDaysThatItWasDown) {
  SimulatedFleet fleet(nightly());
  const auto noon = at("2026-11-10T11:00:00Z");
  fleet.run(noon - 24h, noon);
  const auto back = at("2026-11-14T11:00:00Z");  // a Saturday: no window
  fleet.restart(back);
  fleet.run(back, back + 12h);
  for (int i = 0; i < SimulatedFleet::kServers; ++i)
    EXPECT_EQ(count(fleet.runs(i), "backup", RunOutcome::succeeded, back, back + 12h), 1U);
  fleet.run(back + 12h, back + std::chrono::days(2));
  expect_one_each_night(fleet, back + 12h, 1);
}

}  // namespace
}  // namespace pgkeep::server
