#include "server/report/text_report.h"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/terminal/wrapped_text.h"
#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using test::problem;
using test::sample_report;
using test::sound_server;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

FleetReport large_fleet() {
  std::vector<ReportedServer> servers;
  for (int i = 0; i < 60; ++i) {
    auto server = sound_server("server-with-a-rather-long-name-of-number-" + std::to_string(i));
    std::string message = "a message";
    for (int word = 0; word < 60; ++word) message += " of many \xc3\xa4\xc3\xb6\xc3\xbc words";
    server.problems = {problem(Severity::failed, message + std::to_string(i), message)};
    server.changes.failed = {{test::kMorning, message}};
    server.lag_bytes = 1023;
    servers.push_back(std::move(server));
  }
  return sample_report(std::move(servers));
}

TEST(TextReportTest, FitsTheWidthOfAMailWhateverIsInIt) {
  for (const auto& line : lines_of(text_report(large_fleet())))
    EXPECT_LE(width_of(line), kReportWidth) << line;
}

TEST(TextReportTest, BeginsWithTheVerdict) {
  EXPECT_THAT(text_report(sample_report({sound_server("a"), sound_server("b")})),
              StartsWith("All 2 servers can be recovered; nothing needs you.\n"));
}

TEST(TextReportTest, HasALineAServer) {
  EXPECT_THAT(
      lines_of(text_report(sample_report({sound_server("orders")}))),
      testing::Contains("  orders             6h   4min   120GiB   1.5GiB    30h     3s     2d      0B"));
}

TEST(TextReportTest, HasAQuestionMarkWhereItIsNotKnown) {
  ReportedServer server;
  server.name = "orders";
  EXPECT_THAT(text_report(sample_report({server})), AllOf(Not(HasSubstr("none  ")), Not(HasSubstr("never"))));
  EXPECT_THAT(lines_of(text_report(sample_report({server}))),
              testing::Contains(testing::ContainsRegex("^  orders +[?] +[?] +[?] +[?] +-$")));
}

TEST(TextReportTest, MarksAProofThatLeftSomethingOut) {
  auto server = sound_server("orders");
  server.proof->left_bytes = 1;
  EXPECT_THAT(text_report(sample_report({server})), HasSubstr("~2d"));
}

TEST(TextReportTest, SaysWhatIsWrongAndWhatToDoNext) {
  auto server = sound_server("orders");
  server.problems = {problem(Severity::failed, "none", "take one: `pgkeep backup orders`")};
  server.problems[0].since = test::kMorning - std::chrono::hours(3);
  EXPECT_THAT(text_report(sample_report({server})),
              AllOf(HasSubstr("orders\n  FAILED   backups: none\n           since 2026-11-30 03:30 UTC, 3 h\n"
                              "           next: take one: `pgkeep backup orders`\n"),
                    HasSubstr("\n! orders ")));
}

TEST(TextReportTest, MarksNothingOfASoundFleet) {
  EXPECT_THAT(text_report(sample_report({sound_server("a")})),
              AllOf(Not(HasSubstr("Needs you")), Not(HasSubstr("! "))));
}

TEST(TextReportTest, LetsNoMessageCommandTheTerminal) {
  auto server = sound_server("orders");
  server.problems = {problem(Severity::failed, "\x1b[2J gone \xc2\x9b 1m")};
  EXPECT_THAT(text_report(sample_report({server})),
              AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xc2\x9b"))));
}

}  // namespace
}  // namespace pgkeep::server
