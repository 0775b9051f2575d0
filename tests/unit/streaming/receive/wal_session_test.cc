#include "streaming/receive/wal_session.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/fake_server.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using test::FakeServer;
using test::FakeSession;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr TimelineId kTwo{2};
const std::string kFork = "0/500000";  // the first byte of segment 5

class DeafObserver final : public WalReceiverObserver {
  void connected(const Connection& /*connection*/, const SystemInfo& /*system*/) override {}
  void streaming_from(const postgres::WalPosition& /*position*/) override {}
  void segment_archived(const catalog::SegmentFileHeader& /*segment*/) override {}
  void timeline_switched(TimelineId /*from*/, TimelineId /*to*/, Lsn /*at*/) override {}
  void disconnected(const std::string& /*why*/, std::chrono::milliseconds /*retry_in*/,
                    bool /*needs_attention*/) override {}
  void event(const catalog::Event& /*event*/) override {}
  void warning(const std::string& /*what*/) override {}
};

/// A timeline that all the ones before it were left for at kFork, without any WAL of theirs.
std::string history_of(std::uint32_t timeline) {
  std::string content;
  for (std::uint32_t ancestor = 1; ancestor < timeline; ++ancestor)
    content += fmt::format("{}\t{}\tpromoted\n", ancestor, kFork);
  return content;
}

/// A server with one slot, at kFork, under one or two addresses; its answers to START_REPLICATION and
/// TIMELINE_HISTORY are the test's.
class WalSessionTest : public testing::Test {
 protected:
  void run() {
    FakeServer server(
        [this](FakeSession& session) {
          session.read_startup();
          session.welcome();
          for (auto query = session.read_query(); !query.empty(); query = session.read_query())
            answer(session, query);
        },
        FakeServer::Connections::at_once);
    auto conninfo = server.conninfo();
    if (has_two_addresses_) conninfo += fmt::format(" host=127.0.0.1,127.0.0.1 port={0},{0}", server.port());
    const WalReceiverSettings settings{.connection = {.conninfo = conninfo}, .slot = "pgkeep"};
    layout_.make();
    WalSession(layout_, settings, observer_, workers_, [](const WalProgress&) {}, searches_in_vain_, {})
        .run();
  }
  bool is_stored(TimelineId timeline) const { return std::filesystem::exists(layout_.history(timeline)); }

  /// A partial that was received, with the first half of the segment.
  void hold_wal_up_to_segment(std::uint64_t number) {
    const postgres::WalSegment segment{TimelineId(1), number};
    const auto wal = test::sample_wal(segment);
    layout_.make();
    catalog::PartialSegment::open(layout_, segment, test::sample_segment_size())
        .write(io::ByteView(wal).first(wal.size() / 2), io::now());
  }
  std::vector<catalog::EventKind> kinds_of_events() const {
    std::vector<catalog::EventKind> kinds;
    for (const auto& event : catalog::EventJournal(layout_).read()) kinds.push_back(event.kind);
    return kinds;
  }

  std::string position_ = "0/600000";
  std::string timeline_ = "1";
  bool has_two_addresses_ = false;
  bool shuts_down_ = false;  // when it is asked for a history
  std::function<std::string(std::uint32_t)> history_ = history_of;
  /// Where which timeline is said to go on.
  std::function<std::pair<std::uint32_t, std::string>(std::uint32_t)> goes_on_ = [](std::uint32_t timeline) {
    return std::pair(timeline + 1, kFork);
  };

 private:
  void answer(FakeSession& session, const std::string& query) {
    if (query == "IDENTIFY_SYSTEM") {
      session.answer({"systemid", "timeline", "xlogpos", "dbname"},
                     {{test::kSampleSystem.to_string(), timeline_, position_, std::nullopt}});
    } else if (query == "SHOW in_hot_standby") {
      session.answer({"in_hot_standby"}, {{"off"}});
    } else if (query == "SHOW block_size") {
      session.answer({"block_size"}, {{"8192"}});
    } else if (query == "SHOW wal_segment_size") {
      session.answer({"wal_segment_size"}, {{"1MB"}});
    } else if (query.starts_with("READ_REPLICATION_SLOT")) {
      session.answer({"slot_type", "restart_lsn", "restart_tli"}, {{"physical", kFork, "1"}});
    } else if (query.starts_with("TIMELINE_HISTORY") && shuts_down_) {
      session.error("57P01", "terminating connection due to administrator command");
      session.ready();
    } else if (query.starts_with("TIMELINE_HISTORY")) {
      const auto timeline = number_behind(query, "TIMELINE_HISTORY ");
      session.answer({"filename", "content"}, {{TimelineId(timeline).history_file(), history_(timeline)}});
    } else if (query.starts_with("START_REPLICATION")) {
      const auto [timeline, lsn] = goes_on_(number_behind(query, "TIMELINE "));
      session.answer({"next_tli", "next_tli_startpos"}, {{std::to_string(timeline), lsn}});
    } else {
      session.error("42601", "unexpected: " + query);
      session.ready();
    }
  }
  static std::uint32_t number_behind(const std::string& query, const std::string& word) {
    return static_cast<std::uint32_t>(std::stoul(query.substr(query.find(word) + word.size())));
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  DeafObserver observer_;
  WalWorkers workers_{1, 1};
  int searches_in_vain_ = 0;
};

/// The server is at 0/600000 then, and has passed it the next time.
TEST_F(WalSessionTest, APrimaryThatWasPutBackStaysRefusedWhenItHasPassedWhatIsHeld) {
  hold_wal_up_to_segment(6);
  EXPECT_THROW(run(), RolledBack);
  position_ = "0/900000";
  EXPECT_THROW(run(), RolledBack);
  EXPECT_THAT(kinds_of_events(), ElementsAre(catalog::EventKind::rolled_back));
}

/// Nothing is wrong with it: it is asked again, however many others there are.
TEST_F(WalSessionTest, AServerThatShutsDownWhileItIsLookedAtIsNoWrongOne) {
  hold_wal_up_to_segment(4);
  EXPECT_THROW(run(), ProtocolError) << "which cluster it is, is known from now on";
  timeline_ = "2";
  shuts_down_ = true;
  has_two_addresses_ = true;
  try {
    run();
    ADD_FAILURE() << "is received from";
  } catch (const Error& failure) {
    EXPECT_TRUE(failure.retryable()) << failure.what();
  }
}

TEST_F(WalSessionTest, DoesNotFollowTimelinesWithoutWalForEver) {
  EXPECT_THAT([&] { run(); }, ThrowsMessage<ProtocolError>(HasSubstr("without any WAL")));
}

TEST_F(WalSessionTest, DoesNotBelieveThatATimelineWasLeftBeforeTheStart) {
  goes_on_ = [](std::uint32_t timeline) { return std::pair(timeline + 1, std::string("0/400000")); };
  EXPECT_THAT([&] { run(); }, ThrowsMessage<ProtocolError>(HasSubstr("nothing is left of timeline 1")));
  EXPECT_FALSE(is_stored(kTwo));
}

TEST_F(WalSessionTest, DoesNotGoBackToALowerTimeline) {
  goes_on_ = [](std::uint32_t timeline) { return std::pair(timeline, kFork); };
  EXPECT_THAT([&] { run(); }, ThrowsMessage<ProtocolError>(HasSubstr("nothing is left of timeline 1")));
}

TEST_F(WalSessionTest, StoresNoHistoryOfAnAncestorThatContradictsTheServersLine) {
  timeline_ = "3";
  history_ = [](std::uint32_t timeline) {
    return timeline == 2 ? std::string("1\t0/400000\tpromoted\n") : history_of(timeline);
  };
  EXPECT_THAT([&] { run(); }, ThrowsMessage<ProtocolError>(HasSubstr("00000002.history contradicts")));
  EXPECT_FALSE(is_stored(kTwo));
  EXPECT_FALSE(is_stored(TimelineId(3)));
}

}  // namespace
}  // namespace pgkeep::streaming
