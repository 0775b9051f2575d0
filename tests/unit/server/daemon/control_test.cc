#include "server/health/control.h"

#include <list>
#include <poll.h>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "server/daemon/control_server.h"
#include "server/health/control_protocol.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

DaemonReport some_report() {
  DaemonReport report;
  report.pid = 4711;
  report.version = "1.2.3";
  report.started = report.configured = io::TimePoint(std::chrono::seconds(1'795'000'000));
  report.config_file = "/etc/pgkeep/pgkeep.yaml";
  report.config_problem = "pgkeep.yaml:7: what is wrong";
  ServerReport server;
  server.name = "main";
  server.stream.phase = catalog::StreamPhase::waiting;
  server.stream.cause = "not \xff UTF-8";
  server.backup = "being taken";
  server.slot.emplace();
  auto& slot = server.slot->facts.slot.emplace();
  slot.wal_status = streaming::WalStatus::extended;
  slot.active = true;
  slot.restart_lsn = postgres::Lsn(0x3000000);
  slot.retained_bytes = 12345;
  slot.user.emplace().sync_state = "sync";
  server.slot->facts.commits_wait = true;
  server.slot->facts.grows = true;
  server.slot->facts.made_here = false;
  server.slot->facts.limit = 54321;
  server.slot->facts.idle_timeout = std::chrono::minutes(30);
  server.slot->problem = "no answer";
  report.servers.push_back(server);
  report.servers.emplace_back().name = "other";
  return report;
}

/// A server with canned answers, and clients of all kinds.
class ControlTest : public ::testing::Test {
 protected:
  void serve(ControlServer::Handler handler) {
    server_.emplace(repository_, std::move(handler), make_log("test", out_));
    while (!connect()) ::poll(nullptr, 0, 1);  // it listens on its own thread
  }
  void serve(std::string answer) {
    serve([answer = std::move(answer)](const std::string&) { return answer; });
  }
  /// A raw connection; empty when nobody listens.
  io::UniqueFd connect() {
    auto socket = make_control_socket();
    const auto to = control_address(repository_);
    const auto* address = reinterpret_cast<const sockaddr*>(&to.address);
    if (::connect(socket.get(), address, to.length) != 0) return {};
    return socket;
  }

  test::TempDirectory directory_;
  store::Repository repository_ = store::Repository::open_or_create(directory_.path() / "repository");
  Output out_{Output::Format::text, Output::Talk::quiet};
  std::optional<ControlServer> server_;
};

TEST_F(ControlTest, TellsTheReportAsItIs) {
  nlohmann::json answer;
  answer["report"] = to_json(some_report());
  serve(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const auto report = ask_daemon(repository_);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->pid, 4711);
  EXPECT_EQ(report->config_problem, some_report().config_problem);
  ASSERT_EQ(report->servers.size(), 2u);
  const auto& server = report->servers[0];
  EXPECT_EQ(server.stream.phase, catalog::StreamPhase::waiting);
  EXPECT_EQ(server.backup, "being taken");
  ASSERT_TRUE(server.slot);
  const auto& slot = server.slot->facts.slot;
  ASSERT_TRUE(slot);
  EXPECT_TRUE(slot->is(streaming::WalStatus::extended));
  EXPECT_EQ(slot->restart_lsn, postgres::Lsn(0x3000000));
  EXPECT_EQ(slot->retained_bytes, 12345u);
  EXPECT_EQ(slot->safe_wal_bytes, std::nullopt);
  EXPECT_EQ(slot->user->sync_state, "sync");
  EXPECT_TRUE(server.slot->facts.commits_wait);
  EXPECT_TRUE(server.slot->facts.grows);
  EXPECT_FALSE(server.slot->facts.made_here);
  EXPECT_EQ(server.slot->facts.limit, 54321u);
  EXPECT_EQ(server.slot->facts.idle_timeout, std::chrono::minutes(30));
  EXPECT_FALSE(report->servers[1].slot);
}

TEST_F(ControlTest, IsNothingWithoutADaemon) {
  EXPECT_FALSE(ask_daemon(repository_));
  EXPECT_THROW(reload_daemon(repository_), NotFound);
}

TEST_F(ControlTest, TellsWhatAReloadCameTo) {
  serve(nlohmann::json{{"reload", to_json(ReloadReport{{"a"}, {"b"}, {"c"}, {"d", "e"}, {"b: its slot"}})}}
            .dump());
  const auto report = reload_daemon(repository_);
  EXPECT_THAT(report.added, ElementsAre("a"));
  EXPECT_THAT(report.removed, ElementsAre("b"));
  EXPECT_THAT(report.changed, ElementsAre("c"));
  EXPECT_THAT(report.unchanged, ElementsAre("d", "e"));
  EXPECT_THAT(report.warnings, ElementsAre("b: its slot"));
}

TEST_F(ControlTest, MakesARefusedConfigurationAMistakeOfUse) {
  serve(nlohmann::json{{"error", "pgkeep.yaml:3: no"}, {"usage", true}}.dump());
  EXPECT_THAT([&] { reload_daemon(repository_); }, ThrowsMessage<UsageError>(HasSubstr("pgkeep.yaml:3")));
}

TEST_F(ControlTest, DoesNotBelieveNonsense) {
  for (const std::string answer : {"", "hello", "[]", "{}", "{\"report\":{}}", "{\"report\":7}",
                                   "{\"error\":7}", "{\"error\":\"x\",\"usage\":\"y\"}"}) {
    server_.reset();
    serve(answer);
    EXPECT_THROW(ask_daemon(repository_), Error) << answer;
  }
}

TEST_F(ControlTest, AnswersOthersWhileClientsHangAndTalkNonsense) {
  nlohmann::json answer;
  answer["report"] = to_json(some_report());
  serve(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  std::list<io::UniqueFd> silent;
  for (int i = 0; i < 8; ++i) silent.push_back(connect());
  auto talker = connect();
  const std::string megabyte(1 << 20, 'x');
  ::send(talker.get(), megabyte.data(), megabyte.size(), MSG_NOSIGNAL);
  EXPECT_TRUE(ask_daemon(repository_));
}

TEST_F(ControlTest, EndsWithARequestThatDoesNotEnd) {
  serve("{}");
  auto talker = connect();
  const std::string request(4096, 'x');
  ASSERT_GT(::send(talker.get(), request.data(), request.size(), MSG_NOSIGNAL), 0);
  pollfd entry{talker.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&entry, 1, 60'000), 1);
  char byte = 0;
  EXPECT_LE(::recv(talker.get(), &byte, 1, 0), 0) << "the connection is not closed";
}

TEST_F(ControlTest, TakesAnAnswerOfAnySize) {
  auto report = some_report();
  for (int i = 0; i < 2000; ++i) report.servers.emplace_back().name = std::to_string(i);
  nlohmann::json answer;
  answer["report"] = to_json(report);
  serve(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  EXPECT_EQ(ask_daemon(repository_)->servers.size(), 2002u);
}

}  // namespace
}  // namespace pgkeep::server
