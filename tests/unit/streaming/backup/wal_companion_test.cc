#include "streaming/backup/wal_companion.h"

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/records/process_identity.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/fake_server.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using namespace std::chrono_literals;
using catalog::WalRange;
using postgres::Lsn;
using postgres::TimelineId;
using postgres::WalPosition;
using postgres::WalSegment;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr WalPatience kNoPatience{std::chrono::seconds(0), std::chrono::seconds(0)};
constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr auto kMiB = test::kSampleSegmentBytes;
constexpr const char* kHistoryTwo = "1\t0/680000\tpromoted\n";  // in the middle of segment 6

/// Does once, when the backup begins to wait, what the world does meanwhile.
class WaitingObserver final : public io::ProgressObserver {
 public:
  void meanwhile(std::function<void()> deed) { deed_ = std::move(deed); }
  void progress(const io::Progress& /*progress*/) override {
    if (deed_) std::exchange(deed_, nullptr)();
  }
  void note(std::string_view /*message*/) override {}
  void warning(std::string_view message) override {
    const std::scoped_lock lock(mutex_);
    warnings_.emplace_back(message);
  }
  std::vector<std::string> warnings() {
    const std::scoped_lock lock(mutex_);
    return warnings_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> warnings_;
  std::function<void()> deed_;
};

/// A backup from the middle of segment 5 to the end of `end`, whose WAL others receive.
class WalCompanionTest : public testing::Test {
 protected:
  WalCompanionTest() { layout_.make(); }

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
  void lost(Lsn begin, Lsn end, TimelineId timeline = kOne) {
    catalog::EventJournal(layout_).append(
        {io::now(), catalog::EventKind::gap, "db1 removed it", WalRange{timeline, begin, end}});
  }
  /// What a receiver in another process, which is this one here, says of itself.
  void other_receiver(catalog::StreamPhase phase, const std::string& cause) {
    catalog::StreamState state;
    state.phase = phase;
    state.cause = cause;
    state.process = catalog::this_process();
    catalog::write_stream_state(layout_, state);
  }
  /// What it says of how far WAL is durable.
  void flushed(const WalPosition& to) {
    catalog::StreamState state;
    state.phase = catalog::StreamPhase::streaming;
    state.flushed = to;
    state.process = catalog::this_process();
    catalog::write_stream_state(layout_, state);
  }
  void promoted() { catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo); }
  void wait_until_kept(Lsn end, bool from_standby = false) {
    WalCompanion(layout_, archive_.identity(), std::nullopt, observer_, stop_.get_token())
        .wait_until_kept({kOne, Lsn(5 * kMiB + 1000)}, {kOne, end}, from_standby);
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
  WaitingObserver observer_;
  std::stop_source stop_;
};

TEST_F(WalCompanionTest, WaitsForAnotherReceiverWhenItMayNotBeOne) {
  std::optional<io::FileLock> other;
  observer_.meanwhile([&] { other = io::FileLock::acquire(layout_.receiver_lock(), "serve"); });
  WalCompanion(layout_, archive_.identity(), std::nullopt, observer_, stop_.get_token())
      .wait_until_streaming();
  EXPECT_TRUE(other);
}

// ------------------------------------------------------------------------------ nothing comes

TEST_F(WalCompanionTest, CopiesNothingWhileAnotherReceiverGetsNothing) {
  const auto other = io::FileLock::acquire(layout_.receiver_lock(), "serve");
  other_receiver(catalog::StreamPhase::waiting, "slot pgkeep is active for PID 7");
  WalCompanion wal(layout_, archive_.identity(), std::nullopt, observer_, stop_.get_token(), kNoPatience);
  EXPECT_THAT(
      [&] { wal.wait_until_streaming(); },
      ThrowsMessage<Error>(AllOf(HasSubstr("no WAL has been received"), HasSubstr("active for PID 7"))));
}

TEST_F(WalCompanionTest, WaitsForAnotherReceiverThatReconnects) {
  const auto other = io::FileLock::acquire(layout_.receiver_lock(), "serve");
  other_receiver(catalog::StreamPhase::waiting, "it restarts");
  observer_.meanwhile([&] { other_receiver(catalog::StreamPhase::streaming, ""); });
  WalCompanion(layout_, archive_.identity(), std::nullopt, observer_, stop_.get_token())
      .wait_until_streaming();
}

TEST_F(WalCompanionTest, SaysWhyAServerGivesItNoStream) {
  test::FakeServer server([](test::FakeSession& session) {
    session.read_startup();
    session.error("55006", "replication slot \"pgkeep\" is active for PID 7");
  });
  const WalReceiverSettings own{.connection = {.conninfo = server.conninfo()}, .slot = "pgkeep"};
  WalCompanion wal(layout_, archive_.identity(), own, observer_, stop_.get_token(), {.before_copying = 1s});
  EXPECT_THAT([&] { wal.wait_until_streaming(); }, ThrowsMessage<Error>(HasSubstr("active for PID 7")));
}

TEST_F(WalCompanionTest, SaysTheSameTroubleOnceHoweverOftenItTries) {
  std::atomic<int> tries{0};
  test::FakeServer server([&](test::FakeSession& session) {
    session.read_startup();
    ++tries;
    session.error("55006", "replication slot \"pgkeep\" is active for PID 7");
  });
  const WalReceiverSettings own{
      .connection = {.conninfo = server.conninfo()}, .slot = "pgkeep", .longest_retry = 10ms};
  WalCompanion wal(layout_, archive_.identity(), own, observer_, stop_.get_token(), {.before_copying = 1s});
  EXPECT_THAT([&] { wal.wait_until_streaming(); },
              ThrowsMessage<Error>(HasSubstr("`pgkeep check main` tells what is in the way")));
  EXPECT_GT(tries, 1);
  EXPECT_THAT(observer_.warnings(), testing::ElementsAre(HasSubstr("active for PID 7")));
}

TEST_F(WalCompanionTest, DoesNotWaitForEverForWhatNobodyReceives) {
  WalCompanion wal(layout_, archive_.identity(), std::nullopt, observer_, stop_.get_token(), kNoPatience);
  EXPECT_THAT(
      [&] {
        wal.wait_until_kept({kOne, Lsn(5 * kMiB)}, {kOne, Lsn(6 * kMiB)}, false);
      },
      ThrowsMessage<Error>(HasSubstr("nobody receives it")));
}

TEST_F(WalCompanionTest, WaitsUntilTheLastSegmentIsArchived) {
  archived({kOne, 5});
  received({kOne, 6}, kMiB / 2 + 8192);
  observer_.meanwhile([&] { archived({kOne, 6}); });
  wait_until_kept(Lsn(6 * kMiB + kMiB / 2));
}

TEST_F(WalCompanionTest, WaitsUntilStopIsAsked) {
  observer_.meanwhile([&] { stop_.request_stop(); });
  EXPECT_THROW(wait_until_kept(Lsn(6 * kMiB)), Interrupted);
}

// -------------------------------------------------------------------------------------------- gaps

TEST_F(WalCompanionTest, RefusesABackupWhoseWalIsLost) {
  archived({kOne, 5});
  lost(Lsn(6 * kMiB), Lsn(9 * kMiB));
  EXPECT_THAT([&] { wait_until_kept(Lsn(7 * kMiB)); },
              ThrowsMessage<Error>(AllOf(HasSubstr("000000010000000000000006"), HasSubstr("db1 removed it"),
                                         HasSubstr("Nothing of the backup is kept"))));
}

TEST_F(WalCompanionTest, RefusesABackupWhoseLastSegmentBreaksOffInAGap) {
  archived({kOne, 5});
  received({kOne, 6}, kMiB / 2 + 8192);
  lost(Lsn(6 * kMiB + kMiB / 2 + 8192), Lsn(9 * kMiB));
  EXPECT_THROW(wait_until_kept(Lsn(6 * kMiB + kMiB / 2), true), Error);
}

TEST_F(WalCompanionTest, TakesWhatWasLostAndPushedAllTheSame) {
  archived({kOne, 5});
  lost(Lsn(5 * kMiB), Lsn(7 * kMiB));
  archived({kOne, 6});
  wait_until_kept(Lsn(7 * kMiB));
}

TEST_F(WalCompanionTest, IsNotConcernedByGapsOfOtherWal) {
  lost(Lsn(3 * kMiB), Lsn(5 * kMiB));
  lost(Lsn(6 * kMiB), Lsn(9 * kMiB));
  lost(Lsn(5 * kMiB), Lsn(9 * kMiB), kTwo);
  observer_.meanwhile([&] { archived({kOne, 5}); });
  wait_until_kept(Lsn(6 * kMiB));
}

// -------------------------------------------------------------------------------- another timeline

TEST_F(WalCompanionTest, RefusesABackupThatEndsBehindWhereTheServerLeftItsTimeline) {
  archived({kOne, 5});
  received({kOne, 6}, kMiB / 2 + 8192);
  observer_.meanwhile([&] {
    promoted();
    received({kTwo, 6}, kMiB / 2 + 8192);
  });
  EXPECT_THAT([&] { wait_until_kept(Lsn(7 * kMiB)); },
              ThrowsMessage<Error>(AllOf(HasSubstr("left that timeline at 0/680000 for timeline 2"),
                                         HasSubstr("Nothing of the backup is kept"))));
}

TEST_F(WalCompanionTest, TakesTheBytesThatTheNextTimelineBeginsWith) {
  archived({kOne, 5});
  promoted();
  received({kTwo, 6}, kMiB / 2 + 8192);
  flushed({kTwo, Lsn(6 * kMiB + kMiB / 2)});
  wait_until_kept(Lsn(6 * kMiB + kMiB / 2));
}

// What is read of it may be in the page cache alone: the fsync of who wrote it may have failed, and the next
// one succeeds.
TEST_F(WalCompanionTest, RestsOnNoMoreOfAPartialThanItsReceiverCallsDurable) {
  archived({kOne, 5});
  received({kOne, 6}, kMiB / 2 + 8192);
  flushed({kOne, Lsn(6 * kMiB + kMiB / 4)});
  bool waited = false;
  observer_.meanwhile([&] {
    waited = true;
    flushed({kOne, Lsn(6 * kMiB + kMiB / 2)});
  });
  wait_until_kept(Lsn(6 * kMiB + kMiB / 2), true);
  EXPECT_TRUE(waited);
}

TEST_F(WalCompanionTest, TakesTheSegmentThatIsArchivedUnderTheNextTimeline) {
  archived({kOne, 5});
  promoted();
  archived({kTwo, 6});
  wait_until_kept(Lsn(6 * kMiB + kMiB / 2));
}

TEST_F(WalCompanionTest, TakesWhatIsKeptThoughTheServerHasLeftItsTimeline) {
  archived({kOne, 5});
  archived({kOne, 6});
  promoted();
  received({kTwo, 6}, kMiB / 2 + 8192);
  wait_until_kept(Lsn(7 * kMiB));
}

}  // namespace
}  // namespace pgkeep::streaming
