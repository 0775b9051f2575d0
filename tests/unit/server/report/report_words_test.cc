#include "server/report/report_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using test::kMorning;
using test::sample_report;
using test::sound_server;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> lines_about(const FleetReport& report, const std::string& title) {
  for (const auto& topic : what_happened(report))
    if (topic.title == title) return topic.lines;
  return {};
}

TEST(ReportWordsTest, ShortDurationsHaveOneUnit) {
  EXPECT_EQ(short_duration(-3s), "0 s");
  EXPECT_EQ(short_duration(59s), "59 s");
  EXPECT_EQ(short_duration(3599s), "59 min");
  EXPECT_EQ(short_duration(47h), "47 h");
  EXPECT_EQ(short_duration(48h), "2 d");
}

TEST(ReportWordsTest, NamesAreListedUpToANumber) {
  EXPECT_EQ(names_of({"a"}, 3), "a");
  EXPECT_EQ(names_of({"a", "b", "c"}, 3), "a, b and c");
  EXPECT_EQ(names_of({"a", "b", "c", "d"}, 3), "a, b, c and 1 more");
}

TEST(ReportWordsTest, ACauseIsNotSaidTwiceOfAServer) {
  const std::string cause = "cannot connect to 10.0.0.5:5432: Connection refused, and more words";
  EXPECT_THAT(described({test::problem(Severity::failed, cause),
                         test::problem(Severity::failed, "waiting: " + cause)}),
              ElementsAre("backups: " + cause, "backups: waiting: as above"));
}

TEST(ReportWordsTest, ALongMessageEndsWithWhereTheRestIs) {
  std::string text = "backups:";
  for (int i = 0; i < 60; ++i) text += " 20261120T020000Z";
  EXPECT_THAT(shortened(text, "orders"),
              testing::EndsWith("20261120T020000Z ... (`pgkeep report orders --format json` has the rest)"));
  EXPECT_EQ(shortened("short", "orders"), "short");
}

TEST(WhatHappenedTest, SaysThatNoBackupWasMade) {
  auto server = sound_server("a");
  server.changes = {};
  EXPECT_THAT(lines_about(sample_report({server}), "Backups"), ElementsAre(HasSubstr("no backup was made")));
}

TEST(WhatHappenedTest, TellsWhoGrewMost) {
  auto large = sound_server("large");
  large.changes.wal_bytes = std::uint64_t{9} << 30;
  EXPECT_THAT(lines_about(sample_report({sound_server("small"), large}), "Grew most"),
              ElementsAre("large 10.5 GiB, small 1.5 GiB"));
}

TEST(WhatHappenedTest, GivesRemovedBackupsOfOneReasonOneLine) {
  auto server = sound_server("a");
  server.changes.removed = {{"one", kMorning, "expired: no rule keeps it"},
                            {"two", kMorning, "expired: no rule keeps it"}};
  EXPECT_THAT(lines_about(sample_report({server}), "Removed"),
              ElementsAre("a: one and two; expired: no rule keeps it"));
}

TEST(WhatHappenedTest, GivesWhatAPolicyRemovedFromManyServersOneLine) {
  std::vector<ReportedServer> servers;
  for (const auto* name : {"a", "b", "c", "d"}) {
    servers.push_back(sound_server(name));
    servers.back().changes.expired = {{"one", kMorning, "no rule keeps it"},
                                      {"two", kMorning, "no rule keeps it"}};
  }
  EXPECT_THAT(lines_about(sample_report(servers), "Expired"),
              ElementsAre("8 backups of 4 servers; no rule keeps it"));
}

TEST(WhatHappenedTest, EndsLongListsWithHowMuchMoreThereIs) {
  auto server = sound_server("a");
  for (int i = 0; i < 50; ++i) server.changes.failed.push_back({kMorning, "backup: no"});
  const auto lines = lines_about(sample_report({server}), "Failed");
  EXPECT_THAT(lines, SizeIs(21));
  EXPECT_THAT(lines.back(), HasSubstr("30 more"));
}

TEST(WhatHappenedTest, SaysNothingOfAMonthThatNoJournalTells) {
  EXPECT_THAT(lines_about(sample_report({sound_server("a")}), "Last 30 days"), IsEmpty());
}

TEST(WhatHappenedTest, NamesTheServerThatWasTheLongestWithoutABackup) {
  auto a = sound_server("a");
  auto b = sound_server("b");
  a.service = BackupService{.succeeded = 30, .failed = 0, .longest_without = 25h};
  b.service = BackupService{.succeeded = 27, .failed = 3, .longest_without = 73h};
  EXPECT_THAT(
      lines_about(sample_report({a, b}), "Last 30 days"),
      ElementsAre("57 of 60 backup runs succeeded; the longest time without a new backup was 3 d 1 h, of b"));
}

TEST(WhatHappenedTest, HidesNoServerBehindOneThatHasMuchToTell) {
  auto noisy = sound_server("noisy");
  for (int i = 0; i < 50; ++i) noisy.changes.failed.push_back({kMorning - 2h, "backup: no"});
  auto quiet = sound_server("quiet");
  quiet.changes.failed = {{kMorning - 3h, "backup: no room"}};
  EXPECT_THAT(lines_about(sample_report({noisy, quiet}), "Failed"), Contains(HasSubstr("quiet, ")));
}

TEST(WhatHappenedTest, CutsALongMessageOfARun) {
  auto server = sound_server("a");
  server.changes.failed = {{kMorning, std::string(10'000, 'x') + " end"}};
  EXPECT_THAT(lines_about(sample_report({server}), "Failed"),
              ElementsAre(testing::SizeIs(testing::Lt(600u))));
}

TEST(WhatHappenedTest, SaysWhoseRunsAreNotAllKnown) {
  auto server = sound_server("a");
  server.changes = {};
  server.known.runs = false;
  const auto report = sample_report({server, sound_server("b")});
  EXPECT_THAT(lines_about(report, "Not known"), ElementsAre(HasSubstr("not all that ran of a:")));
  server.changes.wal_bytes = 1;
  EXPECT_THAT(lines_about(sample_report({server}), "Backups"),
              ElementsAre(HasSubstr("no backup is known to have been made")));
}

TEST(WhatHappenedTest, TellsWhoHasHadNoBackupAtAll) {
  auto server = sound_server("a");
  server.service = BackupService{.succeeded = 0, .failed = 0, .longest_without = 24h * 30};
  EXPECT_THAT(lines_about(sample_report({server}), "Last 30 days"),
              ElementsAre(AllOf(HasSubstr("no backup run"), HasSubstr(", of a"))));
}

}  // namespace
}  // namespace pgkeep::server
