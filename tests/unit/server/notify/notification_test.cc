#include "server/notify/notification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using Kind = FindingChange::Kind;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Finding finding(const std::string& server, const std::string& key, Severity severity = Severity::failed) {
  return {.key = key,
          .severity = severity,
          .what = "what was found of " + key,
          .hint = "mend it",
          .server = server};
}

CheckedServer server(const std::string& name, std::vector<Finding> findings, bool answered = true) {
  CheckedServer checked;
  checked.name = name;
  checked.answered = answered;
  checked.findings = std::move(findings);
  return checked;
}

FleetFindings fleet(const std::vector<CheckedServer>& servers) {
  return problems_of(servers);
}

/// "main receiver appeared", a line a change.
std::vector<std::string> told(const ToldFindings& before, const FleetFindings& now) {
  std::vector<std::string> lines;
  for (const auto& change : changes_to_tell(before, now))
    lines.push_back(change.finding.server + " " + change.finding.key + " " +
                    std::string(to_string(change.kind)));
  return lines;
}

TEST(NotificationTest, TellsWhatAppearsChangesAndGoesAndNothingTwice) {
  ToldFindings known;
  const auto look = [&](const FleetFindings& now) {
    auto lines = told(known, now);
    known = told_after(known, now);
    return lines;
  };
  const auto is_away = fleet({server("main", {finding("main", "receiver", Severity::warning)})});
  EXPECT_THAT(look(is_away), ElementsAre("main receiver appeared"));
  EXPECT_THAT(look(is_away), IsEmpty());
  EXPECT_THAT(look(fleet({server("main", {finding("main", "receiver")})})),
              ElementsAre("main receiver worse"));
  EXPECT_THAT(look(is_away), ElementsAre("main receiver better"));
  EXPECT_THAT(look(fleet({server("main", {})})), ElementsAre("main receiver gone"));
  EXPECT_THAT(look(fleet({server("main", {})})), IsEmpty());
}

TEST(NotificationTest, WhatCannotBeAskedIsNotGone) {
  const auto known = told_after({}, fleet({server("main", {finding("main", "slot")})}));
  const auto away = fleet({server("main", {finding("main", "sql_connection")}, false)});
  EXPECT_THAT(told(known, away), ElementsAre("main sql_connection appeared"));
  EXPECT_THAT(told(told_after(known, away), fleet({server("main", {})})),
              ElementsAre("main slot gone", "main sql_connection gone"));
}

TEST(NotificationTest, AServerThatIsKeptNoMoreIsForgotten) {
  const auto known = told_after({}, fleet({server("main", {finding("main", "slot")})}));
  EXPECT_THAT(told(known, fleet({})), IsEmpty());
  EXPECT_THAT(told_after(known, fleet({})), IsEmpty());
}

TEST(NotificationTest, WhatConcernsTheRepositoryIsToldOnce) {
  const auto now = fleet({server("main", {finding("main", "free_space", Severity::warning)}),
                          server("wiki", {finding("wiki", "free_space")})});
  EXPECT_THAT(told({}, now), ElementsAre(" free_space appeared"));
  EXPECT_EQ(changes_to_tell({}, now).front().finding.severity, Severity::failed) << "the worse of both";
}

TEST(NotificationTest, LeavesOutWhatNobodyWantsToHear) {
  const auto now =
      fleet({server("main", {finding("main", "a", Severity::advice), finding("main", "b", Severity::warning),
                             finding("main", "c"), finding("main", "d", Severity::ok)})});
  EXPECT_THAT(told({}, findings_to_tell(now, {}, NotifyFrom::warning)),
              ElementsAre("main c appeared", "main b appeared"));
  EXPECT_THAT(told({}, findings_to_tell(now, {}, NotifyFrom::failed)), ElementsAre("main c appeared"));
}

TEST(NotificationTest, WhatHasBecomeAWarningIsBetterAlsoForWhoHearsOfFailuresAlone) {
  ToldFindings known;
  const auto look = [&](const FleetFindings& now) {
    const auto wanted = findings_to_tell(now, known, NotifyFrom::failed);
    auto lines = told(known, wanted);
    known = told_after(known, wanted);
    return lines;
  };
  const auto warning = fleet({server("main", {finding("main", "slot", Severity::warning)})});
  EXPECT_THAT(look(warning), IsEmpty());
  EXPECT_THAT(look(fleet({server("main", {finding("main", "slot")})})), ElementsAre("main slot appeared"));
  EXPECT_THAT(look(warning), ElementsAre("main slot better"));
  EXPECT_THAT(look(warning), IsEmpty());
  EXPECT_THAT(look(fleet({server("main", {})})), ElementsAre("main slot gone"));
}

TEST(NotificationTest, WhatLastsAMomentWakesNobody) {
  SteadyFindings steady;
  const auto well = fleet({server("main", {})});
  const auto ill = fleet({server("main", {finding("main", "receiver")})});
  EXPECT_FALSE(steady.take(well)) << "after one look nothing is known to last";
  EXPECT_THAT(told({}, steady.take(ill).value()), IsEmpty());
  EXPECT_THAT(told({}, steady.take(well).value()), IsEmpty());
  EXPECT_THAT(told({}, steady.take(ill).value()), IsEmpty());
  const auto lasting = steady.take(ill).value();
  EXPECT_THAT(told({}, lasting), ElementsAre("main receiver appeared"));
  const auto known = told_after({}, lasting);
  EXPECT_THAT(told(known, steady.take(well).value()), IsEmpty()) << "nor is what is away for a moment gone";
  EXPECT_THAT(told(known, steady.take(ill).value()), IsEmpty());
  steady.take(well);
  EXPECT_THAT(told(known, steady.take(well).value()), ElementsAre("main receiver gone"));
}

TEST(NotificationTest, AfterARestartNothingIsToldTwiceNorTakenForGone) {
  const auto ill = fleet({server("main", {finding("main", "receiver")})});
  const auto known = told_after({}, ill);
  SteadyFindings after_restart;
  EXPECT_FALSE(after_restart.take(ill));
  EXPECT_THAT(told(known, after_restart.take(ill).value()), IsEmpty());
}

TEST(NotificationTest, WhatIsStillThereWhenAServerIsBackIsNotGone) {
  const auto ill = fleet({server("main", {finding("main", "slot")})});
  const auto away = fleet({server("main", {finding("main", "sql_connection")}, false)});
  const auto known = told_after(told_after({}, ill), away);
  for (const bool is_restarted : {false, true}) {
    SteadyFindings steady;
    if (!is_restarted) {
      steady.take(ill);
      steady.take(ill);
    }
    steady.take(away);
    EXPECT_THAT(told(known, steady.take(away).value()), IsEmpty());
    EXPECT_THAT(told(known, steady.take(ill).value()), IsEmpty()) << "one look does not tell yet";
    EXPECT_THAT(told(known, steady.take(ill).value()), ElementsAre("main sql_connection gone"));
  }
}

TEST(NotificationTest, WhereTwoLooksAfterARestartDisagreeNothingIsGone) {
  const auto ill = fleet({server("main", {finding("main", "slot")})});
  const auto worse = fleet({server("main", {finding("main", "slot", Severity::warning)})});
  const auto well = fleet({server("main", {})});
  const auto known = told_after({}, worse);
  for (const auto& [first, second] : {std::pair(well, ill), std::pair(ill, well), std::pair(worse, ill)}) {
    SteadyFindings steady;
    steady.take(first);
    const auto now = steady.take(second).value();
    EXPECT_THAT(told(known, now), IsEmpty());
    EXPECT_EQ(told_after(known, now), known);
  }
}

TEST(NotificationTest, SaysInOneLineWhatItIsAbout) {
  const auto one = changes_to_tell({}, fleet({server("main", {finding("main", "receiver")})}));
  EXPECT_EQ(summary_of(one), "main: WAL receiver: what was found of receiver");
  const auto known = told_after({}, fleet({server("main", {finding("main", "slot")})}));
  EXPECT_EQ(summary_of(changes_to_tell(known, fleet({server("main", {})}))),
            "main: replication slot is well again");
  EXPECT_EQ(summary_of(changes_to_tell(known, fleet({server("main", {finding("main", "receiver")}),
                                                     server("wiki", {finding("wiki", "slot")})}))),
            "2 new problems (main, wiki), 1 gone or better (main)");
}

TEST(NotificationTest, TellsAPersonWhatToDo) {
  const auto known = told_after({}, fleet({server("wiki", {finding("wiki", "slot")})}));
  const auto text = text_of(
      changes_to_tell(known, fleet({server("main", {finding("main", "receiver")}), server("wiki", {})})));
  EXPECT_EQ(text,
            "main\n  FAILED  WAL receiver: what was found of receiver\n          mend it\n\n"
            "wiki\n  GONE    replication slot\n");
}

TEST(NotificationTest, TellsAProgramAllThatIsKnown) {
  const auto json = json_of(changes_to_tell({}, fleet({server("main", {finding("main", "receiver")})})),
                            "backup1", io::TimePoint());
  EXPECT_EQ(json.at("host"), "backup1");
  const auto& change = json.at("changes").at(0);
  EXPECT_EQ(change.at("change"), "appeared");
  EXPECT_EQ(change.at("server"), "main");
  EXPECT_EQ(change.at("key"), "receiver");
  EXPECT_EQ(change.at("severity"), "failed");
  EXPECT_EQ(change.at("before"), "ok");
  EXPECT_EQ(change.at("hint"), "mend it");
}

TEST(NotificationTest, LetsNoTextCommandSlack) {
  auto rude = finding("main", "receiver");
  rude.what = "<!channel> & <http://evil|click>";
  const auto text =
      slack_of(changes_to_tell({}, fleet({server("main", {rude})})), "backup1").at("text").dump();
  EXPECT_THAT(text, AllOf(HasSubstr("&lt;!channel&gt; &amp;"), Not(HasSubstr("<!channel>")),
                          HasSubstr("*pgkeep on backup1*")));
}

TEST(NotificationTest, SaysOfVeryManyChangesHowManyMoreThereAre) {
  std::vector<CheckedServer> servers;
  for (int i = 0; i < 1000; ++i) {
    const auto name = "server" + std::to_string(i);
    servers.push_back(server(name, {finding(name, "receiver")}));
  }
  const auto text = slack_of(changes_to_tell({}, fleet(servers)), "backup1").at("text").get<std::string>();
  EXPECT_LT(text.size(), 12100u);
  EXPECT_THAT(
      text, AllOf(HasSubstr("1000 new problems"), testing::ContainsRegex("and [0-9]+ more; `pgkeep check`")));
}

}  // namespace
}  // namespace pgkeep::server
