#include "server/metrics/metrics.h"

#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using test::kMorning;
using test::sample_report;
using test::sound_server;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// The samples of one metric, and of the parts of a histogram.
std::vector<std::string> samples(const FleetReport& report, std::string_view name) {
  std::istringstream text(metrics_text(report));
  std::vector<std::string> found;
  for (std::string line; std::getline(text, line);) {
    const bool same = line.starts_with(name) && line.size() > name.size() &&
                      (line[name.size()] == '{' || line[name.size()] == ' ' || line[name.size()] == '_');
    if (same) found.push_back(line);
  }
  return found;
}

/// What follows the labels.
double seconds_of(io::TimePoint time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

/// One of which everything is known.
ReportedServer known_server() {
  auto server = sound_server("main");
  server.answers = true;
  server.server_version = "18.1";
  server.backup_runs = false;
  server.last_attempt = LastAttempt{kMorning - std::chrono::hours(1), true};
  server.damaged = 2;
  server.wal_bytes = 1000;
  server.service = BackupService{.succeeded = 29, .failed = 1, .longest_without = {}};
  server.proof->all_since = kMorning - std::chrono::hours(200);
  auto& stream = server.stream_state.emplace();
  stream.phase = catalog::StreamPhase::streaming;
  stream.flushed = postgres::WalPosition{postgres::TimelineId(1), postgres::Lsn(4096)};
  stream.reconnects = 3;
  stream.last_message = kMorning;
  stream.syncs.add(8192, std::chrono::microseconds(700));
  stream.syncs.add(100, std::chrono::seconds(20));
  auto& slot = server.slot.emplace();
  slot.retained_bytes = 512;
  slot.safe_wal_bytes = 1u << 30;
  slot.user.emplace();
  slot.user->sync_state = "quorum";
  slot.user->flush_lag_seconds = 0.25;
  return server;
}

FleetReport known_fleet() {
  auto report = sample_report({known_server()});
  report.space = SpaceFacts{.root = "/srv/pgkeep", .disk = {.total = 1000, .free = 400}, .samples = {}};
  for (int day = 20; day >= 0; --day)
    report.space->samples.push_back({.at = kMorning - std::chrono::days(day),
                                     .disk = {.total = 1000, .free = 400u + 10u * unsigned(day)}});
  report.servers[0].problems = {test::problem(Severity::warning, "is old")};
  report.report_sent = kMorning;
  return report;
}

TEST(MetricsTest, TellAllThatIsKnown) {
  const auto report = known_fleet();
  for (const auto& metric : metrics())
    EXPECT_THAT(samples(report, metric.name), Not(IsEmpty())) << metric.name;
}

TEST(MetricsTest, LeaveOutWhatIsNotKnown) {
  ReportedServer server;
  server.name = "main";
  const auto report = sample_report({server});
  std::set<std::string_view> told;
  for (const auto& metric : metrics())
    if (!samples(report, metric.name).empty()) told.insert(metric.name);
  EXPECT_THAT(told, ElementsAre("pgkeep_build_info", "pgkeep_look_timestamp_seconds", "pgkeep_server_active",
                                "pgkeep_server_info"));
}

TEST(MetricsTest, HaveBaseUnits) {
  const auto report = known_fleet();
  EXPECT_THAT(samples(report, "pgkeep_backup_last_duration_seconds"),
              ElementsAre("pgkeep_backup_last_duration_seconds{server=\"main\"} 240"));
  EXPECT_THAT(samples(report, "pgkeep_look_timestamp_seconds"),
              ElementsAre(fmt::format("pgkeep_look_timestamp_seconds {:.3f}", seconds_of(kMorning))));
  EXPECT_THAT(samples(report, "pgkeep_wal_flushed_lsn_bytes"),
              ElementsAre("pgkeep_wal_flushed_lsn_bytes{server=\"main\"} 4096"));
  EXPECT_THAT(samples(report, "pgkeep_repository_days_left"), ElementsAre("pgkeep_repository_days_left 40"));
  EXPECT_THAT(
      samples(report, "pgkeep_report_last_sent_timestamp_seconds"),
      ElementsAre(fmt::format("pgkeep_report_last_sent_timestamp_seconds {:.3f}", seconds_of(kMorning))));
}

TEST(MetricsTest, CountSyncsByTheirTime) {
  const auto lines = samples(known_fleet(), "pgkeep_wal_flush_duration_seconds");
  EXPECT_THAT(lines, testing::IsSupersetOf(
                         {"pgkeep_wal_flush_duration_seconds_bucket{server=\"main\",le=\"0.0005\"} 0",
                          "pgkeep_wal_flush_duration_seconds_bucket{server=\"main\",le=\"0.001\"} 1",
                          "pgkeep_wal_flush_duration_seconds_bucket{server=\"main\",le=\"10\"} 1",
                          "pgkeep_wal_flush_duration_seconds_bucket{server=\"main\",le=\"+Inf\"} 2",
                          "pgkeep_wal_flush_duration_seconds_count{server=\"main\"} 2",
                          "pgkeep_wal_flush_duration_seconds_sum{server=\"main\"} 20.0007"}));
  EXPECT_THAT(samples(known_fleet(), "pgkeep_wal_received_bytes_total"),
              ElementsAre("pgkeep_wal_received_bytes_total{server=\"main\"} 8292"));
}

TEST(MetricsTest, NameEachProblemOnceWithItsSeverity) {
  auto server = sound_server("main");
  server.problems = {test::problem(Severity::failed, "one"), test::problem(Severity::warning, "another")};
  auto report = sample_report({server});
  report.repository_problems = {{.key = "free_space", .severity = Severity::warning, .what = "full"}};
  EXPECT_THAT(samples(report, "pgkeep_finding"),
              ElementsAre("pgkeep_finding{server=\"\",key=\"free_space\",severity=\"warning\"} 1",
                          "pgkeep_finding{server=\"main\",key=\"backups\",severity=\"failed\"} 1"));
}

TEST(MetricsTest, SayNothingOfARecoveryThatCannotBeTold) {
  auto known = sound_server("a");
  auto unknown = sound_server("b");
  unknown.recoverable = Recoverable::unknown;
  auto lost = sound_server("c");
  lost.recoverable = Recoverable::no;
  EXPECT_THAT(samples(sample_report({known, unknown, lost}), "pgkeep_recoverable"),
              ElementsAre("pgkeep_recoverable{server=\"a\"} 1", "pgkeep_recoverable{server=\"c\"} 0"));
}

TEST(MetricsTest, CannotBeForgedByAName) {
  auto server = sound_server("main");
  server.server_version = "18\"} 1\npgkeep_up{server=\"other\\";
  const auto text = metrics_text(sample_report({server}));
  EXPECT_THAT(text, HasSubstr(R"(version="18\"} 1\npgkeep_up{server=\"other\\"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("\npgkeep_up{")));
}

TEST(MetricsTest, ExplainEachMetricOnce) {
  std::set<std::string_view> names;
  for (const auto& metric : metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_THAT(std::string(metric.name), testing::StartsWith("pgkeep_"));
    EXPECT_EQ(metric.name.ends_with("_total"), metric.type == "counter") << metric.name;
    EXPECT_THAT(metrics_document(), HasSubstr(metric.name));
  }
}

}  // namespace
}  // namespace pgkeep::server
