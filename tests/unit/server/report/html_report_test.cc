#include "server/report/html_report.h"

#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/report/server_page.h"
#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using test::kMorning;
using test::problem;
using test::sample_report;
using test::sound_server;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;
using ::testing::Not;

/// A fleet in which every text is as hostile as a server could make it.
FleetReport hostile_report() {
  const std::string evil =
      "</title></style><script>alert(1)</script><img src=x onerror='alert(2)'>\" onload=\"x";
  auto server = sound_server(evil);
  server.description = evil;
  server.stream = evil;
  server.problems = {problem(Severity::failed, evil, "`" + evil + "`")};
  server.changes.failed = {{kMorning, evil}};
  server.changes.events = {{kMorning, evil}};
  server.changes.bad_pages = {{kMorning, evil}};
  server.changes.damage = {{kMorning, evil}};
  server.changes.verifications = 1;
  server.changes.removed = {{evil, kMorning, evil}};
  server.changes.expired = {{evil, kMorning, evil}};
  server.backups.front().id = evil;
  server.service = BackupService{.succeeded = 2, .failed = 0, .longest_without = 25h, .added_by_day = {1, 2}};
  auto report = sample_report({server});
  report.repository = evil;
  report.daemon = evil;
  report.version = evil;
  report.space = SpaceFacts{.root = evil, .disk = {}, .samples = {{kMorning - 48h, {}}}};
  report.space_text = evil;
  report.repository_problems = {problem(Severity::failed, evil, evil)};
  return report;
}

std::set<std::string> matches(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) found.insert((*at)[1]);
  return found;
}

TEST(HtmlReportTest, HasNoElementAndNoAttributeButItsOwn) {
  const auto html = html_report(hostile_report());
  EXPECT_THAT(matches(html, "<([a-zA-Z0-9]+)"),
              IsSubsetOf({"html",    "head",    "meta",   "title", "style",  "body",      "main", "header",
                          "section", "article", "footer", "h1",    "h2",     "h3",        "p",    "div",
                          "span",    "strong",  "b",      "i",     "ul",     "li",        "dl",   "dt",
                          "dd",      "table",   "thead",  "tbody", "tr",     "th",        "td",   "a",
                          "code",    "svg",     "rect",   "path",  "figure", "figcaption"}));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(matches(html, "\\s(on[a-z]+)=\""), testing::IsEmpty()) << "no handler";
}

TEST(HtmlReportTest, LoadsNothing) {
  const auto html = html_report(hostile_report());
  EXPECT_THAT(matches(html, "<[^>]*\\s(src|srcset|data|action|xlink:href)=\""), testing::IsEmpty());
  EXPECT_THAT(matches(html, "href=\"([^\"]*)\""), IsSubsetOf({"#needs"}));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("url(")), Not(HasSubstr("@import")),
                          HasSubstr("default-src &#39;none&#39;")));
}

TEST(HtmlReportTest, EndsEveryElementThatItBegins) {
  const auto html = html_report(hostile_report());
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-zA-Z0-9]+)[^>]*?(/?)>");
  for (std::sregex_iterator at(html.begin(), html.end(), tag), end; at != end; ++at) {
    if ((*at)[3].length() != 0) continue;
    if ((*at)[1].length() == 0) {
      open.push_back((*at)[2]);
      continue;
    }
    ASSERT_FALSE(open.empty());
    EXPECT_EQ(open.back(), (*at)[2].str());
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(HtmlReportTest, SaysSeverityInWords) {
  auto server = sound_server("orders");
  server.problems = {problem(Severity::failed, "none", "take one: `pgkeep backup orders`"),
                     problem(Severity::warning, "soon")};
  const auto html = html_report(sample_report({server}));
  EXPECT_THAT(html, AllOf(HasSubstr(">FAILED</span>"), HasSubstr(">WARNING</span>"),
                          HasSubstr("<code>pgkeep backup orders</code>")));
}

TEST(HtmlReportTest, DrawsAGapAndSaysIt) {
  auto server = sound_server("orders");
  server.stretches = {{kMorning - 30h, kMorning - 20h}, {kMorning - 6h, kMorning}};
  const auto html = html_report(sample_report({server}));
  EXPECT_THAT(html,
              AllOf(HasSubstr("class=\"gap\" d=\"M"), HasSubstr("<span class=\"gaps\">1 gap</span>"),
                    HasSubstr("recoverable from 2026-11-30 00:30 UTC until 2026-11-30 06:30 UTC, 1 gap")));
}

TEST(HtmlReportTest, DrawsBackupsThatAreGoingApart) {
  auto server = sound_server("orders");
  server.backups.front().is_going = true;
  EXPECT_THAT(html_report(sample_report({server})), AllOf(HasSubstr("class=\"going\" d=\"M19.6 10V16\""),
                                                          HasSubstr("class=\"backup\" d=\"M803.9 3V23\"")));
}

TEST(HtmlReportTest, CountsOnlyBackupsThatFailedAsThat) {
  auto server = sound_server("orders");
  server.changes.failed = {{kMorning, "expire: no"}};
  EXPECT_THAT(html_report(sample_report({server})), HasSubstr("none failed"));
}

TEST(HtmlReportTest, LetsNoWrongClockSqueezeTheTimeline) {
  auto server = sound_server("orders");
  const auto place = std::string("M803.9 3V23");
  ASSERT_THAT(html_report(sample_report({server})), HasSubstr(place));
  auto wrong = sound_server("wrong");
  wrong.backups.front().ended = io::TimePoint{};
  EXPECT_THAT(html_report(sample_report({server, wrong})), HasSubstr(place));
}

TEST(HtmlReportTest, HasAQuestionMarkWhereItIsNotKnown) {
  ReportedServer unread;
  unread.name = "orders";
  EXPECT_THAT(html_report(sample_report({unread})),
              AllOf(HasSubstr("data-title=\"Last backup\">?<"), HasSubstr("data-title=\"Verified\">?<")));
}

TEST(HtmlReportTest, SaysThatNothingNeedsYou) {
  EXPECT_THAT(html_report(sample_report({sound_server("a"), sound_server("b")})),
              HasSubstr("<h1>All 2 servers can be recovered; nothing needs you.</h1>"));
}

TEST(HtmlReportTest, IsWrittenOfAFleetWithoutAnything) {
  EXPECT_THAT(html_report(sample_report({})), HasSubstr("<h1>No server is configured.</h1>"));
  ReportedServer empty;
  empty.name = "new";
  EXPECT_THAT(html_report(sample_report({empty})), Not(HasSubstr("<h2>Timeline")));
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(LivePageTest, RunsNoScriptButItsOwnWhateverServersSay) {
  const auto report = hostile_report();
  for (const auto& html : {fleet_page(report, {}), *server_page(report, report.servers[0].name, {})}) {
    EXPECT_EQ(count_of(html, "<script"), 1U);
    EXPECT_THAT(html, HasSubstr("<script type=\"module\">" + std::string(kPageScript) + "</script>"));
    EXPECT_THAT(html, AllOf(Not(HasSubstr("<img")), Not(HasSubstr("onload=\"")),
                            Not(HasSubstr("http-equiv=\"Content"))));
  }
}

TEST(LivePageTest, LeadsFromTheFleetToAServerAndBack) {
  auto broken = sound_server("wiki");
  broken.problems = {problem(Severity::failed, "no disk")};
  const auto report = sample_report({sound_server("orders"), broken});
  EXPECT_THAT(fleet_page(report, {}),
              AllOf(HasSubstr("href=\"/servers/orders\""), HasSubstr("data-problem=\"yes\"")));
  const auto page = server_page(report, "wiki", {});
  ASSERT_TRUE(page);
  EXPECT_THAT(*page, AllOf(HasSubstr("<a href=\"/\">"), HasSubstr("no disk"), HasSubstr("20261130T000000Z")));
  EXPECT_EQ(server_page(report, "nobody", {}), std::nullopt);
}

TEST(LivePageTest, RefreshesWithoutScriptToo) {
  EXPECT_THAT(fleet_page(sample_report({sound_server("orders")}), {.refresh = 90s}),
              HasSubstr("<noscript><meta http-equiv=\"refresh\" content=\"90\"/></noscript>"));
}

TEST(ServerPageTest, TellsTheGapsBetweenTheTimesThatItCanBeRecoveredTo) {
  auto server = sound_server("orders");
  server.stretches = {{kMorning - 48h, kMorning - 40h}, {kMorning - 30h, kMorning}};
  EXPECT_THAT(*server_page(sample_report({server}), "orders", {}),
              HasSubstr("data-title=\"Gap before\">10 h<"));
}

}  // namespace
}  // namespace pgkeep::server
