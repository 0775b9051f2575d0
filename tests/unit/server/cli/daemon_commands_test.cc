#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/daemon/control_server.h"
#include "tests/support/wait_until.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A daemon that answers as the test wants it to, and what commands make of that.
class DaemonCommandsTest : public CommandTest {
 protected:
  DaemonCommandsTest() {
    report_.pid = 4711;
    report_.started = report_.configured = kMorning;
    auto& main = report_.servers.emplace_back();
    main.name = "main";
    main.stream.phase = catalog::StreamPhase::waiting;
    main.stream.cause = "connection refused";
    main.stream.since = kMorning;
    report_.servers.emplace_back().name = "spare";
  }
  void serve(const ControlServer::Handler& handler) {
    const auto repository = store::Repository::open(directory_.path());
    server_.emplace(repository, handler, make_log("daemon", quiet_));
    test::wait_until(
        [&] {
          try {
            return ask_daemon(repository).has_value();
          } catch (const Error&) {
            return true;  // it answers, whatever that is
          }
        },
        "the daemon listens");
  }
  void serve() {
    serve([this](const std::string& request) {
      return answer_control(request, {.report = [this] { return report_; },
                                      .reload =
                                          [this] {
                                            if (!refusal_.empty()) throw UsageError(refusal_);
                                            return reload_;
                                          }});
    });
  }

  DaemonReport report_;
  ReloadReport reload_;
  std::string refusal_;  // of the configuration
  Output quiet_{Output::Format::text, Output::Talk::quiet};
  std::optional<ControlServer> server_;
};

TEST_F(DaemonCommandsTest, StatusBelievesTheDaemonAboutTheStream) {
  serve();
  EXPECT_THAT(run_line({"status"}).results,
              AllOf(HasSubstr("pgkeep serve: process 4711 since 2026-11-20 02:00:00 UTC, 2 servers"),
                    Not(HasSubstr("no daemon"))));
  const auto stream = document({"status"}).at("data").at(0).at("stream");
  EXPECT_EQ(stream.at("source"), "daemon");
  EXPECT_EQ(stream.at("phase"), "waiting");
  EXPECT_EQ(stream.at("cause"), "connection refused");
}

TEST_F(DaemonCommandsTest, StatusShowsTheSlotAsTheDaemonSawItLast) {
  auto& slot = report_.servers[0].slot.emplace();
  slot.facts.slot.emplace().retained_bytes = 3 << 20;
  slot.facts.slot->wal_status = streaming::WalStatus::extended;
  slot.seen = kMorning;
  serve();
  const auto json = document({"status"}).at("data").at(0).at("stream").at("slot");
  EXPECT_EQ(json.at("wal_status"), "extended");
  EXPECT_EQ(json.at("retained_bytes"), 3 << 20);
  EXPECT_EQ(json.at("seen"), "2026-11-20T02:00:00Z");
  EXPECT_THAT(run_line({"show-server", "main"}).results, HasSubstr("slot keeps"));
}

TEST_F(DaemonCommandsTest, StatusWarnsOfAConfigurationThatTheDaemonRefused) {
  report_.config_problem = "pgkeep.yaml:7: slot: unknown key";
  serve();
  EXPECT_THAT(document({"status"}).at("warnings").at(0).get<std::string>(),
              AllOf(HasSubstr("continues with the configuration of 2026-11-20"), HasSubstr("pgkeep.yaml:7")));
}

TEST_F(DaemonCommandsTest, ShowServerSaysHowTheDaemonComesToKnowAServer) {
  report_.servers.pop_back();
  serve();
  EXPECT_THAT(run_line({"show-server", "spare"}).results, HasSubstr("`pgkeep reload`"));
}

TEST_F(DaemonCommandsTest, StatusStillTellsWhatIsStoredWhenTheDaemonTalksNonsense) {
  store_a_little();
  serve([](const std::string&) { return "hello"; });
  const auto json = document({"status", "all"});
  EXPECT_EQ(json.at("data").at(0).at("wal").at("segments"), 3);
  EXPECT_THAT(json.at("warnings").at(0).get<std::string>(), HasSubstr("the daemon does not answer"));
}

TEST_F(DaemonCommandsTest, ReloadTellsWhatChanged) {
  reload_ = {{"a"}, {"b", "c"}, {}, {"d", "e"}, {"b: its slot is left"}};
  serve();
  const auto said = run_line({"reload"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_EQ(said.results, "added     a\nremoved   b, c\nunchanged 2 servers\n");
  EXPECT_THAT(said.talk, HasSubstr("warning: b: its slot is left"));
  EXPECT_EQ(document({"reload"}).at("data").dump(),
            R"({"added":["a"],"removed":["b","c"],"changed":[],"unchanged":["d","e"],)"
            R"("warnings":["b: its slot is left"]})");
}

TEST_F(DaemonCommandsTest, ReloadFailsAsAMistakeOfUseWhenTheDaemonRefusesTheConfiguration) {
  refusal_ = "pgkeep.yaml:3: no";
  serve();
  const auto said = run_line({"reload"});
  EXPECT_EQ(said.exit, Exit::usage);
  EXPECT_THAT(said.talk, HasSubstr("pgkeep.yaml:3: no"));
}

TEST_F(DaemonCommandsTest, ReloadWithoutADaemonFindsNone) {
  const auto said = run_line({"reload"});
  EXPECT_EQ(said.exit, Exit::not_found);
  EXPECT_THAT(said.talk, HasSubstr("daemon"));
}

}  // namespace
}  // namespace pgkeep::server
