#include "streaming/receive/wal_receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "tests/support/fake_server.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using namespace std::chrono_literals;
using postgres::Lsn;
using postgres::TimelineId;
using postgres::WalPosition;
using testing::ElementsAre;

/// Hears of failed attempts, and asks to stop after the third, unless told otherwise.
class PatientObserver final : public WalReceiverObserver {
 public:
  explicit PatientObserver(std::stop_source& stop) : stop_(&stop) {}
  const std::vector<std::chrono::milliseconds>& pauses() const { return pauses_; }
  const std::vector<std::string>& causes() const { return causes_; }
  bool needed_attention() const { return needed_attention_; }
  void stop_after(std::size_t attempts) { most_ = attempts; }

 private:
  void connected(const Connection& /*connection*/, const SystemInfo& /*system*/) override {}
  void streaming_from(const WalPosition& /*position*/) override {}
  void segment_archived(const catalog::SegmentFileHeader& /*segment*/) override {}
  void timeline_switched(TimelineId /*from*/, TimelineId /*to*/, Lsn /*at*/) override {}
  void disconnected(const std::string& why, std::chrono::milliseconds retry_in,
                    bool needs_attention) override {
    pauses_.push_back(retry_in);
    causes_.push_back(why);
    needed_attention_ = needs_attention;
    if (pauses_.size() == most_) stop_->request_stop();
  }
  void event(const catalog::Event& /*event*/) override {}
  void warning(const std::string& /*what*/) override {}

  std::stop_source* stop_;
  std::vector<std::chrono::milliseconds> pauses_;
  std::vector<std::string> causes_;
  bool needed_attention_ = false;
  std::size_t most_ = 3;
};

class WalReceiverTest : public testing::Test {
 protected:
  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  std::stop_source stop_;
  PatientObserver observer_{stop_};
  WalWorkers workers_{1, 1};
  WalReceiverSettings settings_{.connection = {.conninfo = "host=/nowhere"}, .slot = "pgkeep"};
};

TEST_F(WalReceiverTest, GivesWayToAnotherReceiver) {
  layout_.make();
  const auto other = io::FileLock::acquire(layout_.receiver_lock(), "receive-wal");
  EXPECT_THROW(WalReceiver(layout_, settings_, observer_, workers_).run({}), Busy);
}

TEST_F(WalReceiverTest, RefusesASlotNameThatNoServerTakes) {
  settings_.slot = "Slot-1";
  EXPECT_THROW(WalReceiver(layout_, settings_, observer_, workers_).run({}), UsageError);
}

TEST_F(WalReceiverTest, ReturnsAtOnceWhenStopWasAsked) {
  stop_.request_stop();
  WalReceiver receiver(layout_, settings_, observer_, workers_);
  receiver.run(stop_.get_token());
  EXPECT_EQ(receiver.progress().flushed, std::nullopt);
  EXPECT_FALSE(receiver.streaming());
}

TEST_F(WalReceiverTest, TriesAgainWhileTheServerCannotBeReached) {
  settings_.first_retry = 1ms;
  settings_.longest_retry = 2ms;
  WalReceiver(layout_, settings_, observer_, workers_).run(stop_.get_token());
  EXPECT_THAT(observer_.pauses(), ElementsAre(1ms, 2ms, 2ms));
}

// ---------------------------------------------------------------------------------- never gives up

TEST_F(WalReceiverTest, AsksForABusyLockAgainWithoutWaitingLonger) {
  settings_.never_gives_up = true;
  settings_.longest_retry = 1ms;
  layout_.make();
  const auto other = io::FileLock::acquire(layout_.receiver_lock(), "receive-wal");
  WalReceiver(layout_, settings_, observer_, workers_).run(stop_.get_token());
  EXPECT_THAT(observer_.pauses(), ElementsAre(1ms, 1ms, 1ms));
  EXPECT_FALSE(observer_.needed_attention());
}

TEST_F(WalReceiverTest, TriesEvenWhatNoRetryMends) {
  settings_.never_gives_up = true;
  settings_.longest_retry = 1ms;
  settings_.slot = "Slot-1";
  WalReceiver(layout_, settings_, observer_, workers_).run(stop_.get_token());
  EXPECT_THAT(observer_.pauses(), ElementsAre(1ms, 1ms, 1ms));
  EXPECT_TRUE(observer_.needed_attention());
}

TEST_F(WalReceiverTest, DoesNotHammerAServerThatRefusesTheLogIn) {
  test::FakeServer server([](test::FakeSession& session) {
    session.read_startup();
    session.error("28P01", "password authentication failed");
  });
  settings_.never_gives_up = true;
  settings_.longest_retry = 1ms;
  settings_.connection.conninfo = server.conninfo();
  observer_.stop_after(1);
  WalReceiver(layout_, settings_, observer_, workers_).run(stop_.get_token());
  EXPECT_THAT(observer_.pauses(), ElementsAre(60s));
  EXPECT_TRUE(observer_.needed_attention());
}

TEST_F(WalReceiverTest, SaysWhatToDoAboutARefusal) {
  test::FakeServer server([](test::FakeSession& session) {
    session.read_startup();
    session.error("53300", "sorry, too many clients already");
  });
  settings_.first_retry = settings_.longest_retry = 1ms;
  settings_.connection.conninfo = server.conninfo();
  WalReceiver(layout_, settings_, observer_, workers_).run(stop_.get_token());
  EXPECT_THAT(observer_.causes(), testing::Each(testing::HasSubstr("raise max_wal_senders")));
}

}  // namespace
}  // namespace pgkeep::streaming
