#include "server/report/json_report.h"

#include <gtest/gtest.h>

#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using test::problem;
using test::sample_report;
using test::sound_server;

TEST(JsonReportTest, HasWhatTheOthersShorten) {
  auto server = sound_server("a");
  for (int i = 0; i < 50; ++i) server.changes.failed.push_back({test::kMorning, "backup: no"});
  EXPECT_EQ(json_report(sample_report({server})).at("servers").at(0).at("changes").at("failed_runs").size(),
            50u);
}

TEST(JsonReportTest, SaysOfWhatCannotBeToldThatItIsNotKnown) {
  auto server = sound_server("a");
  server.recoverable = Recoverable::unknown;
  server.stretches.clear();
  const auto json = json_report(sample_report({server})).at("servers").at(0);
  EXPECT_TRUE(json.at("recoverable").is_null());
  EXPECT_TRUE(json.at("recoverable_until").is_null());
}

TEST(JsonReportTest, TellsNoBackupsFromBackupsThatCouldNotBeRead) {
  ReportedServer unread;
  const auto json = json_report(sample_report({unread})).at("servers").at(0);
  for (const auto* key : {"backups", "stretches", "wal_stored_bytes"})
    EXPECT_TRUE(json.at(key).is_null()) << key;
  EXPECT_EQ(json.at("known").at("proof"), false);
  unread.known = Known::all();
  EXPECT_EQ(json_report(sample_report({unread})).at("servers").at(0).at("backups"), Json::array());
}

TEST(JsonReportTest, HasTheKeysOfFindings) {
  auto server = sound_server("a");
  server.problems = {problem(Severity::failed, "none", "")};
  const auto need = json_report(sample_report({server})).at("needs").at(0);
  EXPECT_EQ(need.at("servers"), Json::array({"a"}));
  EXPECT_EQ(need.at("findings").at(0), (Json{{"key", "backups"},
                                             {"severity", "failed"},
                                             {"what", "none"},
                                             {"since", nullptr},
                                             {"next", nullptr}}));
}

}  // namespace
}  // namespace pgkeep::server
