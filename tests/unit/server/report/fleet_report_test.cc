#include "server/report/fleet_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using test::problem;
using test::sample_report;
using test::sound_server;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ReportedServer with(ReportedServer server, std::vector<Finding> problems) {
  server.problems = std::move(problems);
  return server;
}

ReportedServer that_is(ReportedServer server, Recoverable state) {
  server.recoverable = state;
  return server;
}

TEST(VerdictTest, SaysThatAllIsWell) {
  EXPECT_EQ(verdict(sample_report({sound_server("a"), sound_server("b")})),
            "all 2 servers can be recovered; nothing needs you");
}

TEST(VerdictTest, CountsWhatCannotBeRecoveredAndWhatNeedsAPerson) {
  const auto warned = with(sound_server("b"), {problem(Severity::warning, "x")});
  const auto lost = with(that_is(sound_server("c"), Recoverable::no), {problem(Severity::failed, "y")});
  EXPECT_EQ(verdict(sample_report({sound_server("a"), warned, lost})),
            "2 of 3 servers can be recovered; 2 need you");
}

TEST(VerdictTest, DoesNotCountWhatCannotBeToldAsRecoverable) {
  const auto unread =
      with(that_is(sound_server("b"), Recoverable::unknown), {problem(Severity::failed, "y")});
  EXPECT_EQ(verdict(sample_report({sound_server("a"), unread})),
            "1 of 2 servers can be recovered, and of 1 it cannot be told; 1 needs you");
}

TEST(VerdictTest, CallsNoServerLostWhereNothingCouldBeRead) {
  EXPECT_EQ(verdict(sample_report({that_is(sound_server("a"), Recoverable::unknown),
                                   that_is(sound_server("b"), Recoverable::unknown)})),
            "whether any of 2 servers can be recovered cannot be told; nothing needs you");
}

TEST(VerdictTest, LeavesOutWhatIsOutOfServiceAndNeverWasKept) {
  EXPECT_EQ(verdict(sample_report(
                {sound_server("a"), sound_server("b"), that_is(sound_server("c"), Recoverable::unused)})),
            "all 2 servers can be recovered; nothing needs you");
}

TEST(VerdictTest, NamesASingleServer) {
  EXPECT_EQ(verdict(sample_report({sound_server("orders")})), "orders can be recovered; nothing needs you");
  EXPECT_EQ(verdict(sample_report({with(that_is(sound_server("orders"), Recoverable::no),
                                        {problem(Severity::failed, "none")})})),
            "orders cannot be recovered; it needs you");
}

TEST(VerdictTest, NamesTheOnlyOneInService) {
  EXPECT_EQ(verdict(sample_report({sound_server("orders"), that_is(sound_server("c"), Recoverable::unused)})),
            "orders can be recovered; nothing needs you");
}

TEST(VerdictTest, TellsOfTheRepository) {
  auto report = sample_report({sound_server("a"), sound_server("b")});
  report.repository_problems = {problem(Severity::failed, "full")};
  EXPECT_EQ(verdict(report), "all 2 servers can be recovered; the repository needs you");
}

TEST(NeedsTest, ComeWithTheWorstFirst) {
  const auto needs = needs_of(sample_report({with(sound_server("a"), {problem(Severity::warning, "soon")}),
                                             with(sound_server("b"), {problem(Severity::failed, "now")})}));
  ASSERT_THAT(needs, SizeIs(2));
  EXPECT_THAT(needs[0].servers, ElementsAre("b"));
  EXPECT_THAT(needs[1].servers, ElementsAre("a"));
}

TEST(NeedsTest, OfTheRepositoryAreAsGraveAsTheWorstOfThem) {
  auto report = sample_report({with(sound_server("a"), {problem(Severity::failed, "now")})});
  report.repository_problems = {problem(Severity::warning, "soon"), problem(Severity::failed, "full")};
  const auto needs = needs_of(report);
  ASSERT_THAT(needs, SizeIs(2));
  EXPECT_THAT(needs[0].servers, IsEmpty());
  EXPECT_EQ(needs[0].severity(), Severity::failed);
}

TEST(NeedsTest, KeepTheFindingsOfAServerTogether) {
  const auto needs = needs_of(sample_report(
      {with(sound_server("a"), {problem(Severity::failed, "one"), problem(Severity::warning, "two")})}));
  ASSERT_THAT(needs, SizeIs(1));
  EXPECT_THAT(needs[0].findings, SizeIs(2));
}

TEST(NeedsTest, SayOnceWhatIsTheSameForSeveralServers) {
  const auto same = problem(Severity::failed, "nobody receives");
  const auto needs = needs_of(sample_report(
      {with(sound_server("a"), {same}), with(sound_server("b"), {same, problem(Severity::warning, "own")})}));
  ASSERT_THAT(needs, SizeIs(2));
  EXPECT_THAT(needs[0].servers, ElementsAre("a", "b"));
  EXPECT_THAT(needs[1].servers, ElementsAre("b"));
}

TEST(NeedsTest, KeepWhatTheSameServersShareTogether) {
  const auto no_daemon = problem(Severity::warning, "nobody receives");
  const auto away = problem(Severity::failed, "the host is away");
  const auto needs = needs_of(sample_report(
      {with(sound_server("a"), {no_daemon, away}), with(sound_server("b"), {no_daemon, away})}));
  ASSERT_THAT(needs, SizeIs(1));
  EXPECT_THAT(needs[0].findings, ElementsAre(Field(&Finding::what, "the host is away"),
                                             Field(&Finding::what, "nobody receives")));
}

TEST(NeedsTest, AreNoneOfASoundFleet) {
  EXPECT_THAT(needs_of(sample_report({sound_server("a")})), IsEmpty());
}

}  // namespace
}  // namespace pgkeep::server
