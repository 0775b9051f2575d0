#include "streaming/receive/wal_stream.h"

#include "catalog/io/error.h"
#include "tests/unit/streaming/receive/wal_stream_fixture.h"

namespace pgkeep::streaming {
namespace {

using namespace std::chrono_literals;
using postgres::WalPosition;
using test::Hold;
using test::keepalive;
using test::Status;
using test::wal_message;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

using WalStreamTest = test::WalStreamFixture;

// -------------------------------------------------------------------------------- flush and report

TEST_F(WalStreamTest, AsksAServerThatSaysNothingWhetherTheStreamStands) {
  run();
  ASSERT_THAT(wire_.statuses(), SizeIs(1));
  EXPECT_TRUE(wire_.statuses()[0].asks);
  EXPECT_THAT(progress_, IsEmpty());
}

TEST_F(WalStreamTest, SyncsAndReportsAllThatCouldBeReadTogetherAtOnce) {
  server_sends(kStart, kStart + 1000);
  server_sends(kStart + 1000, kStart + 2000);
  server_sends(kStart + 2000, kStart + 3000);
  wire_.waits_until_flushed(kStart + 3000);
  run();
  EXPECT_THAT(wire_.flushes(), ElementsAre(kStart, kStart + 3000));
  EXPECT_EQ(wire_.statuses().back().written, kStart + 3000);
  EXPECT_THAT(wire_.statuses(), Each(Field(&Status::asks, false)));
}

TEST_F(WalStreamTest, ReportsEachSync) {
  server_sends(kStart, kStart + 1000);
  wire_.waits_until_flushed(kStart + 1000);
  server_sends(kStart + 1000, kStart + 2000);
  wire_.waits_until_flushed(kStart + 2000);
  run();
  EXPECT_THAT(wire_.flushes(), ElementsAre(kStart, kStart + 1000, kStart + 2000));
}

TEST_F(WalStreamTest, TellsHowMuchEachSyncMadeDurable) {
  std::vector<std::uint64_t> synced;  // by one job after the other
  settings_.synced = [&](std::uint64_t bytes, auto) { synced.push_back(bytes); };
  server_sends(kStart, kStart + 1000);
  wire_.waits_until_flushed(kStart + 1000);
  server_sends(kStart + 1000, kStart + 3000);
  wire_.waits_until_flushed(kStart + 3000);
  run();
  EXPECT_THAT(synced, ElementsAre(1000u, 2000u));
}

TEST_F(WalStreamTest, CoversAllThatCameDuringASyncByTheNextOne) {
  Hold disk(workers_.disk);
  server_sends(kStart, kStart + 1000);
  wire_.then([] {});
  server_sends(kStart + 1000, kStart + 2000);
  wire_.then([] {});
  server_sends(kStart + 2000, kStart + 3000);
  wire_.then([&] { disk.release(); });
  wire_.waits_until_flushed(kStart + 3000);
  run();
  EXPECT_THAT(wire_.flushes(), ElementsAre(kStart, kStart + 3000));
}

TEST_F(WalStreamTest, ReportsWhileMoreKeepsComing) {
  constexpr std::uint64_t kMessage = 128u << 10;
  const auto end = kStart + 8 * kMiB;
  for (auto at = kStart; at < end; at = at + kMessage) server_sends(at, at + kMessage);
  wire_.waits_until_flushed(end);
  run();
  EXPECT_GE(wire_.flushes().size(), 3u);
}

TEST_F(WalStreamTest, ReportsAndStopsWhileMessagesWithoutWalKeepComing) {
  const auto no_wal = wal_message(kStart + 1000, {});
  for (const auto& message : {keepalive(false), keepalive(true), no_wal}) {
    wire_ = {};
    std::stop_source stop;
    wire_.on_status([&](const Status& status) {
      if (status.flushed == kStart + 1000) stop.request_stop();
    });
    server_sends(kStart, kStart + 1000);
    wire_.repeats(message);
    EXPECT_EQ(run(stop.get_token()), WalStream::End::by_stop);
  }
}

TEST_F(WalStreamTest, ReportsWithoutNewsWhenTheTimeHasCome) {
  settings_.status_interval = 0ms;
  wire_.sends(keepalive(false));
  wire_.waits_until([&] { return wire_.statuses().size() >= 3; });
  run();
  EXPECT_THAT(wire_.flushes(), ElementsAre(kStart));
}

TEST_F(WalStreamTest, ReportsNoFlushBelowWhatWasReportedBefore) {
  settings_.report_from = kStart + 1500;
  server_sends(kStart, kStart + 1000);
  wire_.waits_until([&] { return wire_.statuses().back().written == kStart + 1000; });
  server_sends(kStart + 1000, kStart + 2000);
  wire_.waits_until_flushed(kStart + 2000);
  run();
  EXPECT_THAT(wire_.flushes(), ElementsAre(Lsn(), kStart + 2000));
}

// ------------------------------------------------------------------------------- while no commit waits

class GroupedSyncsTest : public WalStreamTest {
 protected:
  GroupedSyncsTest() {
    waiters_.nobody_until(CommitWaiters::Clock::time_point::max());
    settings_.waiters = &waiters_;
    settings_.group_within = 1h;
  }
  void reads_all() {
    for (int i = 0; i < 3; ++i) wire_.then([] {});
  }
  CommitWaiters waiters_;
};

TEST_F(GroupedSyncsTest, AreLeftUntilTheServerAsks) {
  server_sends(kStart, kStart + 1000);
  reads_all();
  server_sends(kStart + 1000, kStart + 2000);
  reads_all();
  wire_.then([&] { EXPECT_THAT(wire_.flushes(), ElementsAre(kStart)); });
  wire_.sends(keepalive(true));
  wire_.waits_until_flushed(kStart + 2000);
  run();
  EXPECT_THAT(wire_.flushes(), ElementsAre(kStart, kStart + 2000));
}

TEST_F(GroupedSyncsTest, AreDoneWhenTheTimeHasCome) {
  settings_.group_within = 10ms;
  server_sends(kStart, kStart + 1000);
  wire_.waits_until_flushed(kStart + 1000);
  server_sends(kStart + 1000, kStart + 2000);
  wire_.waits_until_flushed(kStart + 2000);
  run();
}

TEST_F(GroupedSyncsTest, AreDoneAtOnceWhenACommitMayWait) {
  server_sends(kStart, kStart + 1000);
  reads_all();
  wire_.then([&] { waiters_.somebody(); });
  wire_.sends(keepalive(false));
  wire_.waits_until_flushed(kStart + 1000);
  server_sends(kStart + 1000, kStart + 2000);
  wire_.waits_until_flushed(kStart + 2000);
  run();
}

TEST_F(GroupedSyncsTest, AreDoneWithTheEndOfASegment) {
  server_sends(kStart, kStart + kMiB);
  wire_.waits_until_flushed(kStart + kMiB);
  run();
  EXPECT_THAT(archived_, ElementsAre(kFive));
}

TEST_F(GroupedSyncsTest, LeaveMemoryFreeForMore) {
  const auto more_than_half = WalBuffer::kMostBytes / 2 + 1000;
  server_sends(kStart, kStart + more_than_half);
  wire_.waits_until([&] { return archive_.partial_end(kFive) == kStart + more_than_half; });
  wire_.then([&] { EXPECT_THAT(wire_.flushes(), ElementsAre(kStart)); });
  run();
}

TEST_F(GroupedSyncsTest, AreDoneAtTheEnd) {
  server_sends(kStart, kStart + 1000);
  wire_.ends();
  EXPECT_EQ(run(), WalStream::End::by_server);
  EXPECT_EQ(progress_.back().flushed, kStart + 1000);
}

TEST(CommitWaitersTest, WaitUnlessItWasSaidLately) {
  CommitWaiters waiters;
  EXPECT_TRUE(waiters.may_wait());
  waiters.nobody_until(CommitWaiters::Clock::now() + 1h);
  EXPECT_FALSE(waiters.may_wait());
  waiters.nobody_until(CommitWaiters::Clock::now());
  EXPECT_TRUE(waiters.may_wait());
}

// ------------------------------------------------------------------------------------------ replies

TEST_F(WalStreamTest, AnswersARequestThatBringsNoNews) {
  wire_.sends(keepalive(true));
  wire_.then([] {});
  wire_.sends(keepalive(true));
  wire_.then([] {});
  run();
  EXPECT_THAT(wire_.statuses(), SizeIs(2));
}

TEST_F(WalStreamTest, DoesNotAnswerKeepalivesThatAskNothing) {
  wire_.sends(keepalive(false));
  wire_.then([] {});
  wire_.sends(keepalive(false));
  wire_.then([] {});
  run();
  EXPECT_THAT(wire_.statuses(), SizeIs(1));  // where it starts
}

TEST_F(WalStreamTest, AnswersRequestsOnceWhatCameBeforeIsFlushed) {
  settings_.answer_within = 1h;
  Hold disk(workers_.disk);
  server_sends(kStart, kStart + 1000);
  for (int i = 0; i < 100; ++i) {
    wire_.sends(keepalive(true));
    wire_.then([] {});
  }
  wire_.then([&] {
    EXPECT_THAT(wire_.flushes(), ElementsAre(kStart));
    EXPECT_THAT(wire_.statuses(), SizeIs(1));  // where it starts: no old position in a tight loop
    disk.release();
  });
  wire_.waits_until_flushed(kStart + 1000);
  run();
  EXPECT_THAT(wire_.statuses(), SizeIs(2));
}

TEST_F(WalStreamTest, KeepsReportingTheLastTruePositionWhileTheDiskHangs) {
  settings_.status_interval = 1ms;
  Hold disk(workers_.disk);
  server_sends(kStart, kStart + 1000);
  wire_.sends(keepalive(true));
  wire_.waits_until([&] { return wire_.statuses().size() >= 5; });
  wire_.then([&] {
    EXPECT_THAT(wire_.flushes(), ElementsAre(kStart));
    disk.release();
  });
  wire_.waits_until_flushed(kStart + 1000);
  run();
}

TEST_F(WalStreamTest, AnswersEachRequestOnceWithTheLastTruePositionWhenTheDiskTakesTooLong) {
  settings_.answer_within = 0ms;
  Hold disk(workers_.disk);
  server_sends(kStart, kStart + 1000);
  wire_.then([] {});
  for (std::size_t asked = 1; asked <= 3; ++asked) {
    wire_.sends(keepalive(true));
    wire_.waits_until([&, asked] { return wire_.statuses().size() == 1 + asked; });
  }
  wire_.then([&] {
    EXPECT_THAT(wire_.flushes(), ElementsAre(kStart));
    disk.release();
  });
  wire_.waits_until_flushed(kStart + 1000);
  run();
  EXPECT_THAT(wire_.statuses(), SizeIs(5));
}

TEST_F(WalStreamTest, LeavesAServerAloneThatShutsDownWhileTheDiskHangs) {
  settings_.answer_within = 0ms;
  settings_.follows_within = 1h;
  settings_.shutdown_waits = 0ms;
  Hold disk(workers_.disk);
  server_sends(kStart, kStart + 1000);
  wire_.repeats(keepalive(true));
  wire_.on_end([&] { disk.release(); });  // else the disk would be waited for with the server in the COPY
  EXPECT_THAT([&] { run(); }, ThrowsMessage<ConnectionLost>(HasSubstr("it is left alone")));
  EXPECT_THAT(wire_.flushes(), ElementsAre(kStart));
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 1000);
}

TEST_F(WalStreamTest, StaysWithAServerThatOnlyWantsToKnowWhetherWeAreThereWhileTheDiskHangs) {
  settings_.answer_within = 0ms;
  settings_.follows_within = 0ms;  // any time is later than at once
  settings_.shutdown_waits = 0ms;
  Hold disk(workers_.disk);
  server_sends(kStart, kStart + 1000);
  wire_.then([] {});
  for (std::size_t asked = 1; asked <= 4 * WalStream::kShutdownRequests; ++asked) {
    wire_.sends(keepalive(true));
    wire_.waits_until([&, asked] { return wire_.statuses().size() == 1 + asked; });
  }
  wire_.then([&] { disk.release(); });
  wire_.waits_until_flushed(kStart + 1000);
  run();
}

TEST_F(WalStreamTest, SendsNothingOnceTheDiskHasFailed) {
  std::filesystem::create_directory(layout_.partial(kFive, size_));
  Hold disk(workers_.disk);
  server_sends(kStart, kStart + 1000);
  wire_.sends(keepalive(true));
  wire_.then([&] { disk.release(); });
  wire_.waits_until([] { return false; });
  EXPECT_THROW(run(), StorageError);
  EXPECT_THAT(wire_.statuses(), SizeIs(1));  // where it starts
}

// ----------------------------------------------------------------------------------------- progress

TEST_F(WalStreamTest, TellsItsProgressFromTheFirstMessageOn) {
  server_sends(kStart, kStart + 1000);
  wire_.waits_until_flushed(kStart + 1000);
  run();
  ASSERT_FALSE(progress_.empty());
  EXPECT_EQ(progress_.front().received, kStart + 1000);
  EXPECT_EQ(progress_.back().flushed, kStart + 1000);
  EXPECT_EQ(progress_.back().server_end, kStart + 1000);
  EXPECT_EQ(progress_.back().disk_busy_since, std::nullopt);
}

TEST_F(WalStreamTest, TellsOfAKeepaliveHowFarTheServerIs) {
  wire_.sends(keepalive(false, kStart + 5000));
  wire_.then([] {});
  run();
  ASSERT_THAT(progress_, SizeIs(1));
  EXPECT_EQ(progress_[0].server_end, kStart + 5000);
  EXPECT_NE(progress_[0].last_message, io::TimePoint());
}

TEST_F(WalStreamTest, TellsThatTheDiskIsBusy) {
  Hold disk(workers_.disk);
  server_sends(kStart, kStart + 1000);
  wire_.waits_until([&] { return !progress_.empty(); });
  wire_.then([&] {
    EXPECT_NE(progress_.back().disk_busy_since, std::nullopt);
    EXPECT_EQ(progress_.back().flushed, kStart);
    disk.release();
  });
  wire_.waits_until_flushed(kStart + 1000);
  run();
}

// ------------------------------------------------------------------------------------------- bounds

TEST_F(WalStreamTest, ReadsNoMoreThanItsMemoryHoldsButGoesOnReporting) {
  settings_.status_interval = 1ms;
  constexpr std::uint64_t kMessage = 128u << 10;
  Hold disk(workers_.disk);
  for (auto at = kStart; at < kStart + 4 * kMiB; at = at + kMessage) server_sends(at, at + kMessage);
  wire_.waits_until_flushed(kStart + 4 * kMiB);
  wire_.on_status([&](const Status&) {
    if (wire_.statuses().size() < 10) return;
    // 8 messages fill 1 MiB; one more is in hand.
    EXPECT_GE(wire_.steps_left(), wire_.statuses().size() == 10 ? 24u : 0u);
    disk.release();
  });
  run();
  EXPECT_EQ(written_, kStart + 4 * kMiB);
}

TEST_F(WalStreamTest, TakesAMessageThatIsLargerThanItsMemory) {
  server_sends(kStart, kStart + 3 * kMiB + 1000);
  wire_.waits_until_flushed(kStart + 3 * kMiB + 1000);
  run();
  EXPECT_THAT(archived_, SizeIs(3));
}

TEST_F(WalStreamTest, EndsNoThirdSegmentWhileTwoWaitForTheArchiver) {
  settings_.status_interval = 1ms;
  constexpr std::uint64_t kMessage = 128u << 10;
  Hold archiver(workers_.archive);
  for (auto at = kStart; at < kStart + 6 * kMiB; at = at + kMessage) server_sends(at, at + kMessage);
  wire_.waits_until_flushed(kStart + 6 * kMiB);
  std::size_t full = 0;
  wire_.on_status([&](const Status& status) {
    // What is left of the third cannot be written, and memory is full.
    if (status.flushed < kStart + 2 * kMiB || full++ < 50) return;
    if (full == 51) {
      EXPECT_LT(status.flushed, kStart + 3 * kMiB);
    }
    archiver.release();
  });
  run();
  EXPECT_THAT(archived_, SizeIs(6));
}

// --------------------------------------------------------------------------------------------- ends

TEST_F(WalStreamTest, FlushesWhenTheServerEndsTheStream) {
  server_sends(kStart, kStart + 1000);
  wire_.ends();
  EXPECT_EQ(run(), WalStream::End::by_server);
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 1000);
}

TEST_F(WalStreamTest, FlushesWhenStopIsAskedAndLeavesTheStreamOpen) {
  server_sends(kStart, kStart + 1000);
  EXPECT_EQ(run(), WalStream::End::by_stop);
  EXPECT_EQ(progress_.back().flushed, kStart + 1000);
}

TEST_F(WalStreamTest, KeepsWhatCameBeforeTheConnectionBroke) {
  server_sends(kStart, kStart + 1000);
  wire_.breaks();
  EXPECT_THROW(run(), ConnectionLost);
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 1000);
}

TEST_F(WalStreamTest, KeepsWhatCameDuringASyncBeforeTheConnectionBroke) {
  Hold disk(workers_.disk);
  std::jthread later;
  server_sends(kStart, kStart + 1000);
  wire_.then([&] { later = std::jthread([&] { disk.release(); }); });
  server_sends(kStart + 1000, kStart + 2000);
  wire_.breaks();
  EXPECT_THROW(run(), ConnectionLost);
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 2000);
}

TEST_F(WalStreamTest, EndsWhereTheWalIsHeldAlready) {
  settings_.stop_at = kStart + kMiB;
  server_sends(kStart, kStart + 2 * kMiB);
  server_sends(kStart + 2 * kMiB, kStart + 3 * kMiB);
  EXPECT_EQ(run(), WalStream::End::reached);
  EXPECT_EQ(wire_.statuses().back().flushed, kStart + kMiB);
  EXPECT_THAT(archived_, ElementsAre(kFive));
  EXPECT_EQ(archive_.partial_end(kFive.next()), kStart + kMiB);
  EXPECT_THAT(wire_.steps_left(), 1);
}

// ------------------------------------------------------------------------------------------ refusals

TEST_F(WalStreamTest, TakesNothingThatDoesNotContinue) {
  server_sends(kStart + 8, kStart + 1000);
  EXPECT_THAT([&] { run(); }, ThrowsMessage<ProtocolError>(HasSubstr("0/500000")));
  EXPECT_FALSE(partial_is_there(kFive));
}

TEST_F(WalStreamTest, TakesNothingTwice) {
  server_sends(kStart, kStart + 1000);
  server_sends(kStart + 500, kStart + 1500);
  EXPECT_THROW(run(), ProtocolError);
  EXPECT_EQ(archive_.partial_end(kFive), kStart + 1000);
}

TEST_F(WalStreamTest, RefusesAnotherHistoryOfWhatItHas) {
  server_sends(kStart, kStart + 1000);
  run();
  auto other = test::sample_wal(kFive, 1);
  wire_.sends(wal_message(kStart, io::ByteView(other).first(1000)));
  EXPECT_THROW(run(), Corruption);
}

}  // namespace
}  // namespace pgkeep::streaming
