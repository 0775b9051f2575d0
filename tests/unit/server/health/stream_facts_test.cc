#include "server/health/stream_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using catalog::StreamPhase;
using catalog::StreamState;
using testing::AllOf;
using testing::HasSubstr;

constexpr io::TimePoint kNow{1'800'000'000s};

StreamState in_phase(StreamPhase phase, std::chrono::seconds ago) {
  StreamState state;
  state.phase = phase;
  state.since = kNow - ago;
  state.peer = postgres::Endpoint("10.0.0.5", "5432");
  return state;
}

StreamFacts told_by_the_daemon(const StreamState& state) {
  StreamFacts facts;
  facts.source = StreamFacts::Source::daemon;
  facts.state = state;
  return facts;
}

DaemonReport daemon_with(const std::string& server, const StreamState& state) {
  DaemonReport report;
  report.pid = 4711;
  report.servers.push_back({.name = server, .stream = state, .slot = {}, .backup = "taking a backup"});
  return report;
}

TEST(StreamFactsTest, SaysFromWhereAndForHowLongItStreams) {
  const auto facts = told_by_the_daemon(in_phase(StreamPhase::streaming, 90s));
  EXPECT_EQ(describe_stream(facts, kNow), "streaming from 10.0.0.5:5432 for 1 min 30 s");
}

TEST(StreamFactsTest, SaysWhyItWaitsAndWhenItTriesAgain) {
  auto state = in_phase(StreamPhase::waiting, 60s);
  state.cause = "connection refused";
  state.next_try = kNow + 20s;
  EXPECT_THAT(describe_stream(told_by_the_daemon(state), kNow),
              AllOf(HasSubstr("connection refused"), HasSubstr("next try in 20 s")));
}

TEST(StreamFactsTest, CallsForAttentionWhereNoRetryHelps) {
  auto state = in_phase(StreamPhase::blocked, 60s);
  state.cause = "password authentication failed";
  EXPECT_THAT(describe_stream(told_by_the_daemon(state), kNow),
              AllOf(HasSubstr("NEEDS ATTENTION"), HasSubstr("password authentication failed")));
}

TEST(StreamFactsTest, BelievesTheDaemonBeforeTheFile) {
  const test::TempDirectory directory;
  const store::ServerLayout layout(directory / "main");
  layout.make();
  catalog::write_stream_state(layout, in_phase(StreamPhase::waiting, 5s));
  const auto daemon = daemon_with("main", in_phase(StreamPhase::streaming, 1s));
  const auto facts = read_stream_facts("main", layout, daemon);
  EXPECT_EQ(stream_word(facts), "streaming");
  EXPECT_EQ(facts.own_backup, "taking a backup");
}

TEST(StreamFactsTest, DoesNotCallAStreamUpWhoseReceiverIsGone) {
  const test::TempDirectory directory;
  const store::ServerLayout layout(directory / "main");
  layout.make();
  catalog::write_stream_state(layout, in_phase(StreamPhase::streaming, 5s));
  const auto facts = read_stream_facts("main", layout, std::nullopt);
  EXPECT_EQ(stream_word(facts), "not running");
  EXPECT_THAT(describe_stream(facts, kNow), HasSubstr("nobody receives"));
}

TEST(StreamFactsTest, SpeaksOfADiskOnlyOnceItIsSilentForLong) {
  auto state = in_phase(StreamPhase::streaming, 60s);
  state.disk_busy_since = kNow - 1s;
  EXPECT_EQ(disk_trouble(told_by_the_daemon(state), kNow), std::nullopt);
  state.disk_busy_since = kNow - 12s;
  EXPECT_THAT(disk_trouble(told_by_the_daemon(state), kNow).value_or(""), HasSubstr("12 s"));
}

}  // namespace
}  // namespace pgkeep::server
