#include "server/daemon/supervisor.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/daemon/left_slot.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace pgkeep::server {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

/// Servers that are all dead: nobody listens on the port of their conninfo.
class SupervisorTest : public ::testing::Test {
 protected:
  static ServerConfig server(const std::string& name) {
    auto config = default_server_config();
    config.name = name;
    config.conninfo = "host=127.0.0.1 port=1 user=pgkeep";
    return config;
  }
  static Config config(std::vector<ServerConfig> servers) {
    Config config;
    config.servers = std::move(servers);
    return config;
  }
  void wait_for(const std::string& name, catalog::StreamPhase phase) {
    for (int seen = changes_.load(); supervisor_->find(name)->stream->state().phase != phase;
         seen = changes_.load())
      changes_.wait(seen);
  }

  test::TempDirectory directory_;
  store::Repository repository_ = store::Repository::open_or_create(directory_.path() / "repository");
  Output out_{Output::Format::text, Output::Talk::quiet};
  std::atomic<int> changes_ = 0;
  std::optional<Supervisor> supervisor_{
      std::in_place, repository_, out_,
      Supervisor::Hooks{.changed =
                            [this] {
                              ++changes_;
                              changes_.notify_all();
                            },
                        .event = [](const std::string&, const catalog::Event&) {}}};
};

TEST_F(SupervisorTest, FollowsTheConfiguration) {
  auto report = supervisor_->apply(config({server("a"), server("b"), server("c")}));
  EXPECT_THAT(report.added, ElementsAre("a", "b", "c"));
  auto changed = server("b");
  changed.slot = "another";
  report = supervisor_->apply(config({changed, server("c"), server("d")}));
  EXPECT_THAT(report.added, ElementsAre("d"));
  EXPECT_THAT(report.removed, ElementsAre("a"));
  EXPECT_THAT(report.changed, ElementsAre("b"));
  EXPECT_THAT(report.unchanged, ElementsAre("c"));
}

TEST_F(SupervisorTest, TellsOfTheSlotsThatAreLeftBehind) {
  auto moved = server("moved");
  supervisor_->apply(config({server("asleep"), server("gone"), moved, server("renamed")}));
  auto asleep = server("asleep");
  asleep.active = false;
  moved.conninfo = "host=127.0.0.1 port=2 user=pgkeep";
  auto renamed = server("renamed");
  renamed.slot = "another";
  const auto report = supervisor_->apply(config({asleep, moved, renamed}));
  EXPECT_THAT(
      report.warnings,
      ElementsAre(AllOf(StartsWith("asleep: "), EndsWith("pgkeep drop-slot asleep")),
                  AllOf(StartsWith("gone: "), HasSubstr("drop-slot --conninfo '"), HasSubstr("port=1")),
                  AllOf(StartsWith("moved: "), HasSubstr("127.0.0.1:1"), HasSubstr("port=1")),
                  AllOf(StartsWith("renamed: "), HasSubstr("another"), EndsWith("--slot pgkeep"))));
}

TEST_F(SupervisorTest, KeepsSinceAndCauseWhileItTriesAgain) {
  auto dead = server("a");
  dead.longest_retry = std::chrono::milliseconds(1);
  supervisor_->apply(config({dead}));
  wait_for("a", catalog::StreamPhase::waiting);
  const auto first = supervisor_->find("a")->stream->state();
  test::wait_until(
      [&] { return supervisor_->find("a")->stream->state().last_error_at != first.last_error_at; },
      "it has tried again");
  const auto later = supervisor_->find("a")->stream->state();
  EXPECT_EQ(later.phase, catalog::StreamPhase::waiting);
  EXPECT_EQ(later.since, first.since);
}

TEST_F(SupervisorTest, LeavesAStreamThatDoesNotChangeAlone) {
  supervisor_->apply(config({server("a"), server("b")}));
  const auto before = supervisor_->find("a")->stream;
  auto changed = server("a");
  changed.description = "not for the stream";
  const auto report = supervisor_->apply(config({changed, server("b")}));
  EXPECT_THAT(report.changed, ElementsAre("a"));
  EXPECT_EQ(supervisor_->find("a")->stream, before);
  EXPECT_EQ(supervisor_->find("a")->config.description, "not for the stream");
}

TEST_F(SupervisorTest, TakesAServerOutOfService) {
  supervisor_->apply(config({server("a")}));
  auto inactive = server("a");
  inactive.active = false;
  EXPECT_THAT(supervisor_->apply(config({inactive})).removed, ElementsAre("a"));
  EXPECT_THAT(supervisor_->servers(), IsEmpty());
}

TEST_F(SupervisorTest, StartsNothingForAServerThatIsOutOfService) {
  auto inactive = server("a");
  inactive.active = false;
  const auto report = supervisor_->apply(config({inactive}));
  EXPECT_THAT(report.added, IsEmpty());
  EXPECT_THAT(report.removed, IsEmpty());
  EXPECT_FALSE(supervisor_->find("a"));
}

TEST_F(SupervisorTest, ChangesNothingForTheSameConfiguration) {
  supervisor_->apply(config({server("a")}));
  const auto report = supervisor_->apply(config({server("a")}));
  EXPECT_THAT(report.unchanged, ElementsAre("a"));
  EXPECT_THAT(report.changed, IsEmpty());
  EXPECT_THAT(report.warnings, IsEmpty());
}

TEST_F(SupervisorTest, ForgetsAStreamOnceItHasEnded) {
  supervisor_->apply(config({server("a")}));
  supervisor_->apply(config({}));
  test::wait_until(
      [&] {
        EXPECT_FALSE(supervisor_->look_after()) << "there is none to be started";
        return supervisor_->streams().empty();
      },
      "the stream has ended");
}

TEST_F(SupervisorTest, KeepsADeadServerAsAState) {
  supervisor_->apply(config({server("a")}));
  wait_for("a", catalog::StreamPhase::waiting);
  const auto state = supervisor_->find("a")->stream->state();
  EXPECT_THAT(state.cause, ::testing::HasSubstr("127.0.0.1:1"));
  EXPECT_TRUE(state.next_try);
  EXPECT_EQ(state.last_error, state.cause);
}

TEST_F(SupervisorTest, TakesAServerBackWhileItsOldStreamEnds) {
  supervisor_->apply(config({server("a")}));
  supervisor_->apply(config({}));
  supervisor_->apply(config({server("a")}));
  wait_for("a", catalog::StreamPhase::waiting);
}

TEST_F(SupervisorTest, EndsAllAtOnce) {
  supervisor_->apply(config({server("a"), server("b")}));
  wait_for("a", catalog::StreamPhase::waiting);
  supervisor_->stop();
  std::vector<std::string> hanging;
  EXPECT_TRUE(supervisor_->wait_until_ended(std::chrono::minutes(1), hanging));
  for (const auto& stream : supervisor_->streams())
    EXPECT_EQ(stream->state().phase, catalog::StreamPhase::stopped);
}

TEST(LeftSlot, IsOnlyOnHostsThatAreNotNamedAnyMore) {
  auto before = default_server_config();
  before.conninfo = "host=a,b password=secret";
  auto after = before;
  after.conninfo = "host=b,c keepalives_idle=77";
  const auto text = slot_left_behind(before, after);
  EXPECT_THAT(text, AllOf(HasSubstr("lead to a:5432 any more"), HasSubstr("host=a")));
  EXPECT_THAT(text, Not(AnyOf(HasSubstr("host=b"), HasSubstr("password"))));
  after.conninfo = before.conninfo + " keepalives_idle=77";
  EXPECT_EQ(slot_left_behind(before, after), "");
}

TEST(LeftSlot, IsNamedWhenTheServerUsesAnotherFromNowOn) {
  auto before = default_server_config();
  before.conninfo = "host=a password=secret";
  auto after = before;
  after.slot = "another";
  EXPECT_THAT(slot_left_behind(before, after), AllOf(HasSubstr("the slot is another from now on"),
                                                     HasSubstr("--slot pgkeep"), Not(HasSubstr("secret"))));
  EXPECT_EQ(slot_left_behind(before, before), "");
}

TEST(LeftSlot, IsDroppedByTheNameOfAServerThatStillHasIt) {
  auto server = default_server_config();
  server.name = "main";
  server.conninfo = "host=a";
  auto inactive = server;
  inactive.active = false;
  EXPECT_EQ(drop_command(server, &inactive), "pgkeep drop-slot main");
  inactive.slot = "another";
  EXPECT_THAT(drop_command(server, &inactive), EndsWith("--slot pgkeep")) << "the name leads to another slot";
  inactive = server;
  inactive.conninfo = "host=b";
  EXPECT_THAT(drop_command(server, &inactive), HasSubstr("host=a")) << "the name leads to another host";
}

TEST(LeftSlot, IsDroppedByAWordForTheShell) {
  auto server = default_server_config();
  server.conninfo = R"(host=a user='an odd one')";
  EXPECT_THAT(drop_command(server, nullptr), HasSubstr(R"('user='\''an odd one'\'')"));
}

TEST(StreamSettings, MatterToAStreamOnlyWhenItUsesThem) {
  const auto before = default_server_config();
  auto after = before;
  after.watch_interval += std::chrono::seconds(1);
  after.max_rate = 1;
  after.retain_at_most = 1;
  EXPECT_FALSE(matters_to_stream(before, after));
  after.conninfo = "host=elsewhere";
  EXPECT_TRUE(matters_to_stream(before, after));
  after = before;
  after.allow_unknown_major = true;
  EXPECT_TRUE(matters_to_stream(before, after));
}

}  // namespace
}  // namespace pgkeep::server
