#include "catalog/pushed_wal.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/compression.h"
#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/io/lock.h"
#include "catalog/server_catalog.h"
#include "catalog/stored_wal.h"
#include "catalog/stream_state.h"
#include "tests/unit/catalog/pushed_wal_fixture.h"

namespace pgkeep::catalog {
namespace {

using test::kBackupName;
using test::kBackupText;
using test::kForkTwo;
using test::kHistoryTwo;
using test::kOne;
using test::kTwo;
using test::PushedWalFixture;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

using PushedWalTest = PushedWalFixture;

// ------------------------------------------------------------------------------------------- segments

TEST_F(PushedWalTest, ArchivesASegmentAndTellsTheIndex) {
  EXPECT_EQ(push(five_), PushOutcome::stored);
  EXPECT_TRUE(archive_.has(five_));
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
  EXPECT_THAT(ServerCatalog::open(layout_).segments(), SizeIs(1));
}

TEST_F(PushedWalTest, AcceptsTheSameSegmentAgain) {
  push(five_);
  EXPECT_EQ(push(five_), PushOutcome::had_it);
  EXPECT_EQ(push_bytes(name(five_), test::sample_wal(five_), std::nullopt), PushOutcome::had_it);
}

TEST_F(PushedWalTest, AcceptsWhatTheStreamHasArchived) {
  received(five_, test::sample_wal(five_));
  auto partial = PartialSegment::open(layout_, five_, size_);
  archive_.store_segment(partial, postgres::TimelineHistory(kOne));
  EXPECT_EQ(push(five_), PushOutcome::had_it);
}

TEST_F(PushedWalTest, LeavesThePartialOfTheStreamForItsReceiver) {
  auto begun = test::sample_wal(five_);
  std::fill(begun.begin() + 100'000, begun.end(), std::byte{0});
  received(five_, begun);
  EXPECT_EQ(push(five_), PushOutcome::stored);
  EXPECT_EQ(io::read_whole_file(layout_.partial(five_, size_), begun.size()), begun);
  // The receiver's archiver compares and removes its own.
  received(five_, test::sample_wal(five_));
  auto partial = PartialSegment::open(layout_, five_, size_);
  archive_.store_segment(partial, postgres::TimelineHistory(kOne));
  EXPECT_FALSE(std::filesystem::exists(layout_.partial(five_, size_)));
}

TEST_F(PushedWalTest, DoesNotArchiveAHalfReceivedSegmentForAPushedSuccessor) {
  auto begun = test::sample_wal(five_);
  std::fill(begun.end() - 4096, begun.end(), std::byte{0});
  received(five_, begun);
  push(five_.next());
  EXPECT_THAT(archive_.finish_interrupted(), IsEmpty());
  EXPECT_FALSE(archive_.has(five_));
  EXPECT_TRUE(std::filesystem::exists(layout_.partial(five_, size_)));
}

TEST_F(PushedWalTest, RefusesWhatIsNotWholeAndKeepsNothing) {
  const auto wal = test::sample_wal(five_);
  const auto cut = io::ByteView(wal).first(wal.size() - 1);
  auto longer = wal;
  longer.push_back(std::byte{1});
  EXPECT_THAT([&] { push_bytes(name(five_), cut, sha256_of(wal)); },
              ThrowsMessage<Corruption>(HasSubstr("cut or changed on the way")));
  EXPECT_THAT([&] { push_bytes(name(five_), cut, sha256_of(cut)); },
              ThrowsMessage<Corruption>(HasSubstr("a segment of this server has 1048576")));
  EXPECT_THROW(push_bytes(name(five_), {}, std::nullopt), Corruption);
  EXPECT_THROW(push_bytes(name(five_), longer, sha256_of(longer)), Refused);
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PushedWalTest, RefusesPagesOfAnotherPlaceOrCluster) {
  const auto other_place = test::sample_wal(five_.next());
  EXPECT_THAT([&] { push_bytes(name(five_), other_place, sha256_of(other_place)); },
              ThrowsMessage<Corruption>(AllOf(HasSubstr("not stored"), HasSubstr("says it is the page at"))));
  auto other_cluster = test::sample_wal(five_);
  other_cluster[24] ^= std::byte{1};
  EXPECT_THAT([&] { push_bytes(name(five_), other_cluster, sha256_of(other_cluster)); },
              ThrowsMessage<Corruption>(HasSubstr("comes from system")));
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PushedWalTest, WantsTheHistoryOfATimelineFirst) {
  const postgres::WalSegment other{kTwo, 6};
  EXPECT_THAT([&] { push(other); }, ThrowsMessage<Refused>(HasSubstr("push 00000002.history first")));
  push_text("00000002.history", kHistoryTwo);
  EXPECT_EQ(push(other), PushOutcome::stored);
}

TEST_F(PushedWalTest, TakesNoOtherNames) {
  for (const char* wrong :
       {"", "..", "../identity.json", "00000001000000000000000g", "000000010000000000001000",
        "000000000000000000000005", "00000001.history", "00000000.history", "0000000100000000000000a5",
        "000000010000000000000005.00100000.backup", "000000010000000000000005.zst",
        "000000010000000000000005.0000002G.backup", "streaming/000000010000000000000005.partial",
        "000000010000000000000005/../../x", "000000010000000000000005\n"}) {
    EXPECT_THROW(push_bytes(wrong, test::sample_wal(five_), std::nullopt), UsageError) << wrong;
  }
  EXPECT_THAT(files(), IsEmpty());
}

TEST_F(PushedWalTest, TakesNoChecksumThatIsNone) {
  const auto wal = test::sample_wal(five_);
  EXPECT_THROW(push_bytes(name(five_), wal, "abc"), UsageError);
  auto upper = sha256_of(wal);
  for (auto& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(push_bytes(name(five_), wal, upper), PushOutcome::stored);
}

TEST_F(PushedWalTest, SweepsWhatAKilledOneLeft) {
  io::write_file_durably(layout_.incoming("00112233"), io::as_bytes("half"));
  push(five_);
  EXPECT_FALSE(std::filesystem::exists(layout_.incoming("00112233")));
}

TEST_F(PushedWalTest, StoresASegmentOnceThatSeveralPushAtOnce) {
  std::atomic<int> stored_times = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        WalArchive own(layout_, archive_.identity(), 1);
        const auto wal = test::sample_wal(five_);
        io::MemorySource source(wal);
        if (PushedWal(own).take(name(five_), source, std::nullopt).outcome == PushOutcome::stored)
          ++stored_times;
      });
    }
  }
  EXPECT_EQ(stored_times, 1);
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
}

// ---------------------------------------------------------------------------------------- other files

TEST_F(PushedWalTest, KeepsAHistoryAsItIs) {
  EXPECT_EQ(push_text("00000002.history", kHistoryTwo), PushOutcome::stored);
  EXPECT_EQ(push_text("00000002.history", kHistoryTwo), PushOutcome::had_it);
  EXPECT_EQ(archive_.read_history(kTwo), kHistoryTwo);
  EXPECT_THROW(push_text("00000003.history", "no history\n"), Corruption);
  EXPECT_THROW(push_text("00000003.history", std::string(2u << 20, '#')), Refused);
  EXPECT_THAT([&] { push_text("00000002.history", "1\t0/590000\tother\n"); },
              ThrowsMessage<Refused>(HasSubstr("another history")));
}

TEST_F(PushedWalTest, PutsAHistoryInThePlaceOfADamagedOne) {
  push_text("00000002.history", kHistoryTwo);
  io::write_file_durably(layout_.history(kTwo), io::as_bytes("1\tQ/580000\n"));
  EXPECT_EQ(push_text("00000002.history", kHistoryTwo), PushOutcome::stored);
  EXPECT_EQ(archive_.read_history(kTwo), kHistoryTwo);
}

TEST_F(PushedWalTest, RefusesATimelineThatLeavesTheLiveStream) {
  StreamState stream;
  stream.phase = StreamPhase::streaming;
  stream.flushed = {kOne, five_.end(size_)};
  stream.peer = "db1:5432";
  write_stream_state(layout_, stream);
  {
    const auto receiving = io::FileLock::acquire(layout_.receiver_lock(), "receive-wal");
    for (int times = 0; times < 2; ++times) {
      EXPECT_THAT([&] { push_text("00000002.history", kHistoryTwo); },
                  ThrowsMessage<Refused>(HasSubstr("while db1:5432 goes on on that timeline")));
    }
    EXPECT_EQ(archive_.read_history(kTwo), std::nullopt);
    EXPECT_THAT(EventJournal(layout_).read(), SizeIs(1));
    push_text("00000003.history", "1\t0/600000\tleft where the stream has come to\n");
  }
  EXPECT_EQ(push_text("00000002.history", kHistoryTwo), PushOutcome::stored);  // nobody receives any more
}

TEST_F(PushedWalTest, RefusesATimelineThatLeavesAStreamThatWasBrokenOffAShortWhileAgo) {
  const auto refused = ThrowsMessage<Refused>(HasSubstr("goes on on that timeline"));
  const auto push_history = [&] { push_text("00000002.history", kHistoryTwo); };
  StreamState stream;
  stream.flushed = {kOne, five_.end(size_)};
  stream.peer = "db1:5432";
  stream.last_message = io::now();
  for (const auto phase : {StreamPhase::connecting, StreamPhase::waiting, StreamPhase::blocked}) {
    stream.phase = phase;
    write_stream_state(layout_, stream);
    EXPECT_THAT(push_history, refused) << to_string(phase);
  }
  stream.last_message = io::now() - PushedWal::kLiveTime;
  write_stream_state(layout_, stream);
  push_history();
}

TEST_F(PushedWalTest, RefusesATimelineThatLeavesWhatWasReceivedBeforeTheReceiverWasStartedAgain) {
  auto received = PartialSegment::open(layout_, five_, size_);
  received.write(test::sample_wal(five_), io::now());
  archive_.store_segment(received, postgres::TimelineHistory(kOne));
  StreamState stream;
  stream.phase = StreamPhase::connecting;
  stream.started = io::now();
  write_stream_state(layout_, stream);
  EXPECT_THAT([&] { push_text("00000002.history", kHistoryTwo); },
              ThrowsMessage<Refused>(HasSubstr("while the stream goes on")));
  push_text("00000003.history", "1\t0/600000\tleft where the WAL ends\n");
}

TEST_F(PushedWalTest, KeepsABackupHistoryFileAsItIs) {
  EXPECT_EQ(push_text(kBackupName, kBackupText), PushOutcome::stored);
  EXPECT_EQ(push_text(kBackupName, kBackupText), PushOutcome::had_it);
  EXPECT_EQ(io::as_text(stored(kBackupName)), kBackupText);
  EXPECT_THAT([&] { push_text(kBackupName, std::string(kBackupText) + "LABEL: other\n"); },
              ThrowsMessage<Refused>(HasSubstr("another backup history file")));
  EXPECT_THROW(push_text("000000010000000000000006.00000028.backup", kBackupText), Corruption);
}

TEST_F(PushedWalTest, KeepsTheLastSegmentOfATimelineBesideTheSegments) {
  EXPECT_THAT([&] { push_bytes(name(five_) + ".partial", left_at_fork(), std::nullopt); },
              ThrowsMessage<Refused>(HasSubstr("push the history file")));
  push_text("00000002.history", kHistoryTwo);
  EXPECT_EQ(push_bytes(name(five_) + ".partial", left_at_fork(), std::nullopt), PushOutcome::stored);
  EXPECT_EQ(push_bytes(name(five_) + ".partial", left_at_fork(), std::nullopt), PushOutcome::had_it);
  EXPECT_EQ(stored(name(five_) + ".partial"), left_at_fork());
  EXPECT_FALSE(archive_.has(five_));
  EXPECT_THAT(archive_.inventory().segments, IsEmpty());
}

TEST_F(PushedWalTest, ComparesTheLastSegmentOfATimelineWithWhatTheStreamBrought) {
  push_text("00000002.history", kHistoryTwo);
  auto streamed = test::sample_wal(five_);
  std::fill(streamed.begin() + kForkTwo + 8192, streamed.end(), std::byte{0});  // behind the fork, too
  received(five_, streamed);
  EXPECT_EQ(push_bytes(name(five_) + ".partial", left_at_fork(), std::nullopt), PushOutcome::stored);
  auto other = left_at_fork();
  other[kForkTwo - 1] ^= std::byte{1};
  EXPECT_THAT([&] { push_bytes(name(five_) + ".partial", other, std::nullopt); },
              ThrowsMessage<Refused>(HasSubstr("differs at 0/57FFFF")));
}

// ----------------------------------------------------------------------------------------- conflicts

TEST_F(PushedWalTest, RefusesAnotherSegmentAndKeepsItAside) {
  push(five_);
  const auto other = test::sample_wal(five_, 1);
  for (int times = 0; times < 2; ++times) {
    EXPECT_THAT([&] { push_bytes(name(five_), other, sha256_of(other)); },
                ThrowsMessage<Refused>(AllOf(HasSubstr("differs at 0/50003C"),
                                             HasSubstr("pgkeep wal-conflicts main " + name(five_)))));
  }
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
  EXPECT_THAT(WalConflicts(archive_).list(), SizeIs(1));
  const auto events = EventJournal(layout_).read();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].kind, EventKind::conflict);
  EXPECT_EQ(events[0].range, (WalRange{kOne, five_.begin(size_), five_.end(size_)}));
}

TEST_F(PushedWalTest, RefusesWhatContradictsTheStream) {
  auto begun = test::sample_wal(five_, 1);
  std::fill(begun.begin() + 100'000, begun.end(), std::byte{0});
  received(five_, begun);
  EXPECT_THAT([&] { push(five_); },
              ThrowsMessage<Refused>(HasSubstr("from what was received of it by the stream")));
  EXPECT_FALSE(archive_.has(five_));
  EXPECT_THAT(WalConflicts(archive_).list(), SizeIs(1));
}

TEST_F(PushedWalTest, AcceptsWhatWasSettledForTheStoredOne) {
  push(five_);
  const auto other = test::sample_wal(five_, 1);
  EXPECT_THROW(push_bytes(name(five_), other, std::nullopt), Refused);
  WalConflicts conflicts(archive_);
  conflicts.keep_stored(conflicts.list().at(0));
  EXPECT_EQ(push_bytes(name(five_), other, std::nullopt), PushOutcome::settled);
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
  const auto third = test::sample_wal(five_, 2);
  EXPECT_THROW(push_bytes(name(five_), third, std::nullopt), Refused);
}

}  // namespace
}  // namespace pgkeep::catalog
