#include "streaming/receive/wal_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/wal/pushed_wal.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using catalog::EventKind;
using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalPosition;
using postgres::WalSegment;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr TimelineId kThree{3};
constexpr auto kMiB = test::kSampleSegmentBytes;
const postgres::Endpoint kPeer("db1", "5432");
constexpr const char* kHistoryTwo = "1\t0/580000\tpromoted\n";  // in the middle of segment 5

class DeafObserver final : public WalReceiverObserver {
  void connected(const Connection& /*connection*/, const SystemInfo& /*system*/) override {}
  void streaming_from(const WalPosition& /*position*/) override {}
  void segment_archived(const catalog::SegmentFileHeader& /*segment*/) override {}
  void timeline_switched(TimelineId /*from*/, TimelineId /*to*/, Lsn /*at*/) override {}
  void disconnected(const std::string& /*why*/, std::chrono::milliseconds /*retry_in*/,
                    bool /*needs_attention*/) override {}
  void event(const catalog::Event& /*event*/) override {}
  void warning(const std::string& /*what*/) override {}
};

SlotView slot_at(Lsn restart_lsn, std::optional<TimelineId> timeline) {
  SlotView slot;
  slot.restart_lsn = restart_lsn;
  slot.timeline = timeline;
  return slot;
}

class WalStartTest : public testing::Test {
 protected:
  WalStartTest() { layout_.make(); }

  /// A partial with that many bytes.
  void received(const WalSegment& segment, std::size_t bytes) {
    auto wal = test::sample_wal(segment);
    std::fill(wal.begin() + static_cast<std::ptrdiff_t>(bytes), wal.end(), std::byte{0});
    io::write_file_durably(layout_.partial(segment, size_), wal);
  }
  void archived(const WalSegment& segment) {
    auto partial = catalog::PartialSegment::open(layout_, segment, size_);
    partial.write(test::sample_wal(segment), io::now());
    catalog::WalArchiveWriter(archive_).store_segment(partial, archive_.history(segment.timeline).value(), 1);
  }
  void pushed(const WalSegment& segment) {
    const auto wal = test::sample_wal(segment);
    io::MemorySource source(wal);
    catalog::PushedWal(archive_).take(segment.name(size_), source, std::nullopt);
  }
  StreamStart start(const TimelineHistory& line, Lsn server_position, const SlotView& slot = {},
                    std::optional<Lsn> begin_at = {}) {
    return choose_start(kPeer, {test::kSampleSystem, line.timeline(), server_position}, line, slot, begin_at,
                        archive_, events_.all());
  }
  static ServerLine line_two() { return {TimelineHistory::parse(kTwo, kHistoryTwo), kHistoryTwo}; }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
  DeafObserver observer_;
  EventReporter events_{layout_, observer_};
};

// ---------------------------------------------------------------------------------------- where to

TEST_F(WalStartTest, GoesOnAtThePartialAndReportsNothingBeforeItsEnd) {
  archived({kOne, 5});
  received({kOne, 6}, 1000);
  const auto found = start(TimelineHistory(kOne), Lsn(9 * kMiB));
  EXPECT_EQ(found.position, (WalPosition{kOne, Lsn(6 * kMiB)}));
  EXPECT_EQ(found.report_from, Lsn(6 * kMiB + 1000));
  EXPECT_EQ(found.stop_at, std::nullopt);
}

TEST_F(WalStartTest, FillsAHoleAndReportsNothingBeforeTheEndOfWhatIsHeld) {
  archived({kOne, 5});
  archived({kOne, 7});
  const auto found = start(TimelineHistory(kOne), Lsn(9 * kMiB));
  EXPECT_EQ(found.position, (WalPosition{kOne, Lsn(6 * kMiB)}));
  EXPECT_EQ(found.report_from, Lsn(8 * kMiB));
  EXPECT_EQ(found.stop_at, Lsn(7 * kMiB));
}

TEST_F(WalStartTest, NeverReportsWhatWouldMoveTheSlotBack) {
  archived({kOne, 5});
  const auto found = start(TimelineHistory(kOne), Lsn(9 * kMiB), slot_at(Lsn(8 * kMiB + 5), kOne));
  EXPECT_EQ(found.position, (WalPosition{kOne, Lsn(6 * kMiB)}));
  EXPECT_EQ(found.report_from, Lsn(8 * kMiB + 5));
}

TEST_F(WalStartTest, WithoutWalBeginsWhereTheSlotHoldsItBack) {
  const auto found = start(TimelineHistory(kOne), Lsn(9 * kMiB), slot_at(Lsn(4 * kMiB + 5), std::nullopt));
  EXPECT_EQ(found.position, (WalPosition{kOne, Lsn(4 * kMiB)}));
  EXPECT_EQ(found.report_from, Lsn(4 * kMiB + 5));
}

TEST_F(WalStartTest, WithoutWalAndSlotBeginsWhereTheServerIs) {
  EXPECT_EQ(start(TimelineHistory(kOne), Lsn(9 * kMiB + 7)).position, (WalPosition{kOne, Lsn(9 * kMiB)}));
}

TEST_F(WalStartTest, WithoutWalBeginsWhereTheServerIsThatHasLostWhatItsSlotHasSeen) {
  const auto found = start(TimelineHistory(kOne), Lsn(9 * kMiB + 7), slot_at(Lsn(11 * kMiB), kOne));
  EXPECT_EQ(found.position, (WalPosition{kOne, Lsn(9 * kMiB)}));
  EXPECT_EQ(found.report_from, Lsn(9 * kMiB + 7));
}

TEST_F(WalStartTest, WithoutWalPassesATimelineThatTheLineLeavesBeforeTheServerSaysSo) {
  const auto line = TimelineHistory::parse(kThree, "1\t0/980000\tx\n2\t0/790000\tx\n");
  EXPECT_EQ(start(line, Lsn(9 * kMiB), slot_at(Lsn(7 * kMiB + 5), kOne)).position,
            (WalPosition{kThree, Lsn(7 * kMiB)}));
  const auto found = start(line, Lsn(9 * kMiB), slot_at(Lsn(5 * kMiB + 5), kOne));
  EXPECT_EQ(found.position, (WalPosition{kOne, Lsn(5 * kMiB)}));
  EXPECT_EQ(found.stop_at, Lsn(7 * kMiB));
}

TEST_F(WalStartTest, WithoutWalBeginsWhereItWasToldThatTheServersBegins) {
  const auto found = start(TimelineHistory(kOne), Lsn(9 * kMiB), slot_at(Lsn(4 * kMiB), kOne), Lsn(7 * kMiB));
  EXPECT_EQ(found.position, (WalPosition{kOne, Lsn(7 * kMiB)}));
}

TEST_F(WalStartTest, WaitsForAServerThatIsBehind) {
  archived({kOne, 5});
  EXPECT_THAT([&] { start(TimelineHistory(kOne), Lsn(6 * kMiB - 1)); },
              ThrowsMessage<ServerBehind>(HasSubstr("waiting for it")));
}

TEST_F(WalStartTest, RefusesAPrimaryThatHasLessThanWasReceivedOfItsTimeline) {
  archived({kOne, 5});
  received({kOne, 6}, 1000);
  const auto refused = [&](TimelineId timeline, Lsn at) {
    try {
      require_not_rolled_back(kPeer, {test::kSampleSystem, timeline, at}, archive_, {});
    } catch (const RolledBack& found) {
      return found.range();
    }
    return std::optional<catalog::WalRange>();
  };
  const Lsn end(6 * kMiB + 1000);
  EXPECT_EQ(refused(kOne, Lsn(6 * kMiB + 999)), (catalog::WalRange{kOne, Lsn(6 * kMiB + 999), end}));
  EXPECT_EQ(refused(kOne, end), std::nullopt);
  EXPECT_EQ(refused(kTwo, Lsn(5 * kMiB)), std::nullopt);  // it left our timeline: another question
}

// The zeroes after a WAL switch are flushed page by page.
TEST_F(WalStartTest, TakesAPrimaryThatHasNotFlushedAllOfASegmentAfterAWalSwitch) {
  const WalSegment five{kOne, 5};
  io::write_file_durably(layout_.partial(five, size_), test::sample_wal_with_switch(five, 20'000));
  const SystemInfo primary{test::kSampleSystem, kOne, Lsn(5 * kMiB + 24'576)};
  EXPECT_NO_THROW(require_not_rolled_back(kPeer, primary, archive_, {}));
}

/// It had been there: where a gap ends was asked from it.
TEST_F(WalStartTest, RefusesAPrimaryThatIsBehindTheEndOfAGapThatWasFoundOnIt) {
  archived({kOne, 5});
  events_.report(EventKind::gap, "removed", catalog::WalRange{kOne, Lsn(6 * kMiB), Lsn(9 * kMiB)});
  const auto require = [&](TimelineId timeline, Lsn at) {
    require_not_rolled_back(kPeer, {test::kSampleSystem, timeline, at}, archive_, events_.all());
  };
  EXPECT_THAT([&] { require(kOne, Lsn(8 * kMiB - 1)); }, ThrowsMessage<RolledBack>(HasSubstr("put back")));
  EXPECT_NO_THROW(require(kOne, Lsn(8 * kMiB)));  // the gap may end with the segment that the server is in
  EXPECT_NO_THROW(require(kTwo, Lsn(7 * kMiB)));
}

TEST_F(WalStartTest, PassesOverNothingThatWasPushed) {
  archived({kOne, 5});
  pushed({kOne, 6});
  const auto found = start(TimelineHistory(kOne), Lsn(9 * kMiB));
  EXPECT_EQ(found.position, (WalPosition{kOne, Lsn(6 * kMiB)}));
  EXPECT_EQ(found.report_from, Lsn(6 * kMiB));
}

TEST_F(WalStartTest, APrimaryIsNotHeldAgainstWhatWasPushed) {
  archived({kOne, 5});
  pushed({kOne, 6});
  EXPECT_NO_THROW(require_not_rolled_back(kPeer, {test::kSampleSystem, kOne, Lsn(6 * kMiB)}, archive_, {}));
}

TEST_F(WalStartTest, AServerThatWasPutBackIsRefusedUntilSomebodyDecides) {
  EXPECT_NO_THROW(require_decided(layout_));
  events_.report(EventKind::rolled_back, "db1 was put back", catalog::WalRange{kOne, Lsn(5), Lsn(9)});
  EXPECT_THAT([&] { require_decided(layout_); }, ThrowsMessage<RolledBack>(HasSubstr("db1 was put back")));
  events_.report(EventKind::line_kept, "it was the wrong server");
  EXPECT_NO_THROW(require_decided(layout_));
  events_.report(EventKind::rolled_back, "db1 was put back", catalog::WalRange{kOne, Lsn(5), Lsn(9)});
  EXPECT_THROW(require_decided(layout_), RolledBack);
}

TEST_F(WalStartTest, DoesNotGoOnBehindABrokenFile) {
  archived({kOne, 5});
  const auto path = layout_.archived({kOne, 5}, size_);
  io::write_file_durably(path, io::as_bytes("no segment"));
  EXPECT_THAT([&] { start(TimelineHistory(kOne), Lsn(9 * kMiB)); },
              ThrowsMessage<Corruption>(HasSubstr(path.native())));
}

TEST_F(WalStartTest, ReportsWhatLiesOnTheServersLineOnly) {
  archived({kOne, 4});
  received({kOne, 5}, kMiB - 100);
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  EXPECT_EQ(start(line_two().history, Lsn(9 * kMiB)).report_from, Lsn(0x580000));
}

TEST_F(WalStartTest, AfterASwitchNothingCountsThatWasReportedAfterTheFork) {
  received({kOne, 5}, kMiB - 100);
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  const WalPosition fork{kTwo, Lsn(0x580000)};
  const auto found = start_after_switch(fork, line_two().history, archive_);
  EXPECT_EQ(found.position, (WalPosition{kTwo, Lsn(5 * kMiB)}));
  EXPECT_EQ(found.report_from, fork.lsn);
  received({kTwo, 5}, kMiB - 200);  // from a stream that broke off
  EXPECT_EQ(start_after_switch(fork, line_two().history, archive_).report_from, Lsn(6 * kMiB - 200));
}

TEST_F(WalStartTest, AfterASwitchNothingIsReportedBeforeTheEndOfWhatIsHeldOfTheNewTimeline) {
  received({kOne, 5}, kMiB - 100);
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  archived({kTwo, 5});
  archived({kTwo, 6});
  const auto found = start_after_switch({kTwo, Lsn(0x580000)}, line_two().history, archive_);
  EXPECT_EQ(found.position, (WalPosition{kTwo, Lsn(5 * kMiB)}));
  EXPECT_EQ(found.report_from, Lsn(7 * kMiB));
}

TEST_F(WalStartTest, AfterASwitchATimelineThatTheLineLeavesInThatSegmentIsPassed) {
  const auto line = TimelineHistory::parse(TimelineId(4), "1\t0/580000\tx\n2\t0/980000\tx\n3\t0/590000\tx\n");
  const auto found = start_after_switch({kTwo, Lsn(0x580000)}, line, archive_);
  EXPECT_EQ(found.position, (WalPosition{TimelineId(4), Lsn(5 * kMiB)}));
  EXPECT_EQ(found.report_from, Lsn(0x580000));
  EXPECT_EQ(found.stop_at, std::nullopt);
}

TEST_F(WalStartTest, AfterASwitchATimelineIsReceivedOnlyUpToWhereTheLineLeavesIt) {
  const auto line = TimelineHistory::parse(kThree, "1\t0/580000\tx\n2\t0/980000\tx\n");
  const auto early =
      TimelineHistory::parse(TimelineId(4), "1\t0/580000\tx\n2\t0/980000\tx\n3\t0/790000\tx\n");
  const WalPosition next{kTwo, Lsn(0x580000)};
  EXPECT_EQ(start_after_switch(next, line, archive_).stop_at, std::nullopt);
  EXPECT_EQ(start_after_switch(next, early, archive_).position, (WalPosition{kTwo, Lsn(5 * kMiB)}));
  EXPECT_EQ(start_after_switch(next, early, archive_).stop_at, Lsn(7 * kMiB));
}

TEST_F(WalStartTest, ASlotThatStandsAfterTheServerHoldsNothingBack) {
  archived({kOne, 5});
  EXPECT_EQ(start(TimelineHistory(kOne), Lsn(6 * kMiB + 9), slot_at(Lsn(8 * kMiB), kOne)).report_from,
            Lsn(6 * kMiB + 9));
}

// --------------------------------------------------------------------------------------- branches

TEST_F(WalStartTest, TakesALineThatLeftOursBeforeItsEnd) {
  archived({kOne, 5});
  archived({kOne, 6});
  EXPECT_NO_THROW(require_on_line(kPeer, line_two(), archive_));
}

TEST_F(WalStartTest, RefusesALowerTimeline) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kTwo, 6}, 100);
  EXPECT_THAT(
      [&] {
        require_on_line(kPeer, {TimelineHistory(kOne), std::nullopt}, archive_);
      },
      ThrowsMessage<OtherBranch>(HasSubstr("WAL of timeline 2 was received already")));
}

// The second point-in-time recovery from one backup: timelines 2 and 3 both leave 1.
TEST_F(WalStartTest, FollowsANewerTimelineThatComesFromAnAncestorAndTellsWhatItLeft) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  archived({kOne, 5});
  received({kTwo, 6}, 1000);
  const std::string content = "1\t0/540000\trestored again\n";
  const ServerLine line{TimelineHistory::parse(kThree, content), content};
  EXPECT_NO_THROW(require_on_line(kPeer, line, archive_));
  for (int i = 0; i < 2; ++i) report_branches_left(kPeer, line.history, archive_, events_);
  const auto events = events_.all();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].range, (catalog::WalRange{kTwo, Lsn(0x580000), Lsn(6 * kMiB + 1000)}));
  EXPECT_THAT(events[0].cause, HasSubstr("is on timeline 3, which does not come from timeline 2"));
  EXPECT_EQ(events[1].range, (catalog::WalRange{kOne, Lsn(0x540000), Lsn(0x580000)}));
  EXPECT_THAT(events[1].cause, HasSubstr("left timeline 1 at 0/540000 for timeline 3"));
}

TEST_F(WalStartTest, FollowsAServerThatWasRestoredToBeforeAnEarlierSwitch) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  archived({kOne, 4});
  received({kTwo, 5}, kMiB / 2 + 100);
  const auto content = std::string(kHistoryTwo) + "2\t0/540000\trestored\n";
  const ServerLine line{TimelineHistory::parse(kThree, content), content};
  EXPECT_NO_THROW(require_on_line(kPeer, line, archive_));
  catalog::WalArchiveWriter(archive_).store_history(kThree, content);
  EXPECT_EQ(start(line.history, Lsn(9 * kMiB)).position, (WalPosition{kThree, Lsn(5 * kMiB)}));
}

TEST_F(WalStartTest, AServerIsNotHeldAgainstAHistoryThatOnlyWasPushed) {
  archived({kOne, 4});
  catalog::WalArchiveWriter(archive_).store_history(kTwo, "1\t0/590000\tpushed\n");
  catalog::WalArchiveWriter(archive_).store_history(TimelineId(9), "1\t0/590000\tpushed\n");
  pushed({TimelineId(9), 6});
  EXPECT_NO_THROW(require_on_line(kPeer, line_two(), archive_));
  EXPECT_NO_THROW(require_on_line(kPeer, {TimelineHistory(kOne), std::nullopt}, archive_));
}

TEST_F(WalStartTest, ADamagedHistoryIsHeldAgainstNoServer) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  catalog::WalArchiveWriter(archive_).store_history(TimelineId(7), "1\t0/580000\tan experiment\n");
  received({kTwo, 5}, 100);
  for (const auto timeline : {kTwo, TimelineId(7)})
    io::write_file_durably(layout_.history(timeline), io::as_bytes("1\tQ/580000\n"));
  EXPECT_NO_THROW(require_on_line(kPeer, line_two(), archive_));
}

TEST_F(WalStartTest, RefusesAnotherBranchThatTookTheSameNumber) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kTwo, 5}, 100);
  const std::string content = "1\t0/590000\tpromoted\n";
  EXPECT_THAT(
      [&] {
        require_on_line(kPeer, {TimelineHistory::parse(kTwo, content), content}, archive_);
      },
      ThrowsMessage<OtherBranch>(HasSubstr("two branches")));
}

TEST_F(WalStartTest, RefusesALineWhoseParentOnlyHasTheNumberOfOurs) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kTwo, 5}, 100);
  const std::string content = "1\t0/590000\tpromoted\n2\t0/690000\tpromoted\n";
  EXPECT_THAT(
      [&] {
        require_on_line(kPeer, {TimelineHistory::parse(kThree, content), content}, archive_);
      },
      ThrowsMessage<OtherBranch>(HasSubstr("another history of timeline 2")));
}

TEST_F(WalStartTest, TakesALineWhoseParentIsOurs) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kTwo, 5}, 100);
  const auto content = std::string(kHistoryTwo) + "2\t0/690000\tpromoted\n";
  EXPECT_NO_THROW(require_on_line(kPeer, {TimelineHistory::parse(kThree, content), content}, archive_));
}

TEST_F(WalStartTest, TellsOnceOfABranchThatWasLeft) {
  archived({kOne, 5});
  received({kOne, 6}, 1000);
  for (int i = 0; i < 2; ++i) report_branches_left(kPeer, line_two().history, archive_, events_);
  const auto events = events_.all();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].kind, EventKind::branch_left);
  EXPECT_EQ(events[0].range, (catalog::WalRange{kOne, Lsn(0x580000), Lsn(6 * kMiB + 1000)}));
  EXPECT_THAT(events[0].cause, HasSubstr("--target-tli 1"));
}

TEST_F(WalStartTest, TellsNothingWhenAllOfATimelineIsOnTheLine) {
  archived({kOne, 4});
  received({kOne, 5}, 1000);
  report_branches_left(kPeer, line_two().history, archive_, events_);
  EXPECT_THAT(events_.all(), IsEmpty());
}

}  // namespace
}  // namespace pgkeep::streaming
