#include "server/cli/many_servers.h"

#include <atomic>
#include <latch>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/paper.h"

namespace pgkeep::server {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Work on servers `a`, `b` and `c`, at the same time.
class ManyServersTest : public testing::Test {
 protected:
  using Work = std::function<ServerOutcome(const ServerConfig&, const Invocation&)>;

  ManyServersTest() {
    for (auto& config : configs_) servers_.push_back(&config);
    for (std::size_t i = 0; i < configs_.size(); ++i) configs_.at(i).name = std::string(1, "abc"[i]);
  }
  Exit run(const Work& work, Output::Format format = Output::Format::text) {
    Output out(format, Output::Talk::normal, results_.file(), talk_.file());
    const auto exit = for_each_server_at_once(servers_, {.servers = 3}, {{}, out, stop_.get_token()}, work);
    out.finish();
    return exit;
  }

  std::array<ServerConfig, 3> configs_;
  std::vector<const ServerConfig*> servers_;
  std::stop_source stop_;
  test::Paper results_;
  test::Paper talk_;
};

TEST_F(ManyServersTest, KeepsResultsOfAServerTogether) {
  std::latch one_line_each(3);
  const auto work = [&](const ServerConfig& server, const Invocation& part) {
    part.out.report(server.name + " first");
    one_line_each.arrive_and_wait();
    part.out.report(server.name + " second");
    return ServerOutcome{.exit = Exit::ok, .what = "backup of " + server.name, .data = {}};
  };
  EXPECT_EQ(run(work), Exit::ok);
  for (const auto* name : {"a", "b", "c"})
    EXPECT_THAT(results_.text(), HasSubstr(fmt::format("{} first\n{} second\n", name, name)));
}

TEST_F(ManyServersTest, TellsWhoseTalkItIs) {
  run([](const ServerConfig& server, const Invocation& part) {
    part.out.note("waiting for WAL");
    part.out.warning(server.name + ": says its name itself");
    return ServerOutcome{};
  });
  EXPECT_THAT(talk_.text(), HasSubstr("pgkeep: a: waiting for WAL\n"));
  EXPECT_THAT(talk_.text(), HasSubstr("pgkeep: warning: b: says its name itself\n"));
}

TEST_F(ManyServersTest, TheFailureOfOneKeepsNoOtherFromItsTurn) {
  const auto exit = run([](const ServerConfig& server, const Invocation&) {
    if (server.name == "b") throw Error("the disk is on fire");
    return ServerOutcome{.exit = Exit::ok, .what = "well", .data = {}};
  });
  EXPECT_EQ(exit, Exit::partly);
  EXPECT_THAT(results_.text(), HasSubstr("a       done"));
  EXPECT_THAT(results_.text(), testing::ContainsRegex("b +failed +[0-9].* the disk is on fire\n"));
  EXPECT_THAT(talk_.text(), HasSubstr("pgkeep: error: b: the disk is on fire\n"));
  EXPECT_THAT(talk_.text(), HasSubstr("1 of 3 servers failed: b"));
}

TEST_F(ManyServersTest, FailsWhenAllDo) {
  EXPECT_EQ(run([](const ServerConfig&, const Invocation&) -> ServerOutcome { throw Error("no"); }),
            Exit::failed);
}

TEST_F(ManyServersTest, TheDocumentHasTheServersInTheirOrder) {
  std::latch others(2);
  run(
      [&](const ServerConfig& server, const Invocation& part) {
        if (server.name == "a")
          others.wait();
        else
          others.count_down();
        if (server.name == "b") part.out.error("damaged", Exit::failed);
        return ServerOutcome{
            .exit = server.name == "b" ? Exit::failed : Exit::ok, .what = {}, .data = server.name};
      },
      Output::Format::json);
  const auto document = Json::parse(results_.text());
  EXPECT_EQ(document.at("data"), Json::parse(R"(["a", "b", "c"])"));
  EXPECT_EQ(document.at("warnings"), Json::parse(R"(["damaged"])"));
  EXPECT_EQ(document.at("error").at("message"), "1 of 3 servers failed: b");
}

TEST_F(ManyServersTest, StoppedItBeginsNoFurtherOne) {
  std::atomic<int> begun = 0;
  configs_.at(1).conninfo = configs_.at(2).conninfo = configs_.at(0).conninfo = "host=h";
  Output out(Output::Format::text, Output::Talk::normal, results_.file(), talk_.file());
  const auto work = [&](const ServerConfig&, const Invocation&) -> ServerOutcome {
    ++begun;
    stop_.request_stop();
    throw Interrupted("stopped");
  };
  EXPECT_THROW(for_each_server_at_once(servers_, {.servers = 1}, {{}, out, stop_.get_token()}, work),
               Interrupted);
  EXPECT_EQ(begun, 1);
  EXPECT_THAT(results_.text(), testing::ContainsRegex("c +not begun"));
}

TEST_F(ManyServersTest, OneAloneIsTheCommand) {
  servers_.resize(1);
  EXPECT_THROW(run([](const ServerConfig&, const Invocation&) -> ServerOutcome { throw Busy("not now"); }),
               Busy);
  run([](const ServerConfig&, const Invocation& part) {
    part.out.note("waiting");
    return ServerOutcome{};
  });
  EXPECT_EQ(talk_.text(), "pgkeep: waiting\n");
  EXPECT_THAT(results_.text(), Not(HasSubstr("RESULT")));
}

}  // namespace
}  // namespace pgkeep::server
