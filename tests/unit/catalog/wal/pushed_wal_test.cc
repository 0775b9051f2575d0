#include "catalog/wal/pushed_wal.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/compression.h"
#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/io/lock.h"
#include "catalog/records/stream_state.h"
#include "catalog/wal/archived_file.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using test::kBackupName;
using test::kBackupText;
using test::kForkTwo;
using test::kHistoryTwo;
using test::kOne;
using test::kTwo;
using test::PushedWalFixture;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

using PushedWalTest = PushedWalFixture;

// ------------------------------------------------------------------------------------------- segments

TEST_F(PushedWalTest, KeepsASegmentAheadOfTheStreamWaiting) {
  archived(five_);
  EXPECT_EQ(push(five_.next()), PushOutcome::waiting);
  EXPECT_FALSE(archive_.has(five_.next()));
  EXPECT_THAT(waiting(), ElementsAre(name(five_.next())));
}

TEST_F(PushedWalTest, FillsAGapThatIsProvedOnBothSidesAndSaysSoForTheIndex) {
  archived(five_);
  archived({kOne, 7});
  const auto wal = test::sample_wal({kOne, 6});
  io::MemorySource source(wal);
  const auto receipt = PushedWal(archive_).take(name({kOne, 6}), source, std::nullopt);
  EXPECT_EQ(receipt.outcome, PushOutcome::stored);
  ASSERT_THAT(receipt.archived, SizeIs(1));
  EXPECT_EQ(receipt.archived[0].segment, (postgres::WalSegment{kOne, 6}));
  EXPECT_EQ(stored(name({kOne, 6})), wal);
  EXPECT_THAT(waiting(), IsEmpty());
  const auto events = EventJournal(layout_).read();
  ASSERT_THAT(events, SizeIs(2));  // that it is going to be taken, and that it was
  EXPECT_EQ(events[1].kind, EventKind::adopted);
  EXPECT_EQ(events[1].range, (WalRange{kOne, Lsn(0x600000), Lsn(0x700000)}));
}

TEST_F(PushedWalTest, RefusesASegmentThatJoinsTheOneBeforeAndNotTheOneAfter) {
  archived(five_);
  archived({kOne, 7}, test::sample_wal({kOne, 7}, 0, Lsn(0x600028)));
  EXPECT_THAT(
      [&] {
        push({kOne, 6});
      },
      ThrowsMessage<Corruption>(HasSubstr("its records do not join those of the archived segment after it")));
  EXPECT_FALSE(archive_.has({kOne, 6}));
  EXPECT_THAT(waiting(), IsEmpty());
}

// The copy of a host starts with the same archive_command, while the server itself is idle.
TEST_F(PushedWalTest, LetsTheServersOwnSegmentWaitBesideThatOfACopy) {
  EXPECT_EQ(push(five_, 1), PushOutcome::waiting);
  EXPECT_EQ(push(five_), PushOutcome::waiting);
  EXPECT_THAT(waiting(), SizeIs(2));
}

TEST_F(PushedWalTest, RefusesWhatGoesPastALimit) {
  limits_.most_files = 2;
  push({kOne, 5});
  push({kOne, 6});
  EXPECT_THAT([&] { push({kOne, 7}); }, ThrowsMessage<Refused>(HasSubstr("pushed_wal.most_files")));
  EXPECT_EQ(push({kOne, 6}), PushOutcome::had_it);
  limits_ = {.most_bytes = test::kSampleSegmentBytes, .most_files = 9};
  EXPECT_THAT([&] { push({kOne, 7}); }, ThrowsMessage<Refused>(HasSubstr("pushed_wal.most_bytes")));
  EXPECT_THAT(waiting(), SizeIs(2));
}

TEST_F(PushedWalTest, RefusesOneCopyOfASegmentTooMany) {
  for (std::uint8_t salt = 0; salt < WaitingWal::kMostCopies; ++salt) push(five_, salt);
  EXPECT_THAT([&] { push(five_, WaitingWal::kMostCopies); },
              ThrowsMessage<Refused>(HasSubstr("4 other files of that name wait")));
}

TEST_F(PushedWalTest, AcceptsTheSameSegmentAgain) {
  push(five_);
  EXPECT_EQ(push(five_), PushOutcome::had_it);
  EXPECT_EQ(push_bytes(name(five_), test::sample_wal(five_), std::nullopt), PushOutcome::had_it);
}

TEST_F(PushedWalTest, AcceptsWhatTheStreamHasArchived) {
  archived(five_);
  EXPECT_EQ(push(five_), PushOutcome::had_it);
}

TEST_F(PushedWalTest, LetsASegmentWaitOfWhichTheArchivedOneIsDamaged) {
  archived(five_);
  const auto path = layout_.archived(five_, size_);
  damage_archived(five_);
  for (const auto outcome : {PushOutcome::waiting, PushOutcome::had_it}) {
    const auto wal = test::sample_wal(five_);
    io::MemorySource source(wal);
    const auto receipt = PushedWal(archive_).take(name(five_), source, std::nullopt);
    EXPECT_EQ(receipt.outcome, outcome);
    EXPECT_THAT(receipt.warnings, ElementsAre(HasSubstr(path.native())));
    waiting_.settle(five_, [](const Event& /*event*/) {});
    EXPECT_THAT(waiting(), SizeIs(1));
  }
  EXPECT_EQ(WalConflicts(archive_).count_open(), 0u);
  EXPECT_THAT(EventJournal(layout_).read(), IsEmpty());
}

TEST_F(PushedWalTest, StoresTheLastPartOfATimelineWhateverIsDamaged) {
  push_text("00000002.history", kHistoryTwo);
  const auto name_of_part = name(five_) + ".partial";
  push_bytes(name_of_part, left_at_fork(), std::nullopt);
  const auto path = layout_.pushed_partial(five_, size_);
  io::write_file_durably(path, io::as_bytes("no frame"));
  archived(five_);
  damage_archived(five_);
  const auto wal = left_at_fork();
  io::MemorySource source(wal);
  const auto receipt = PushedWal(archive_).take(name_of_part, source, std::nullopt);
  EXPECT_EQ(receipt.outcome, PushOutcome::stored);
  EXPECT_THAT(receipt.warnings,
              ElementsAre(HasSubstr(layout_.archived(five_, size_).native()), HasSubstr(path.native())));
  EXPECT_EQ(stored(name_of_part), wal);
}

TEST_F(PushedWalTest, LeavesThePartialOfTheStreamForItsReceiver) {
  auto begun = test::sample_wal(five_);
  std::fill(begun.begin() + 100'000, begun.end(), std::byte{0});
  received(five_, begun);
  EXPECT_EQ(push(five_), PushOutcome::waiting);
  EXPECT_EQ(io::read_whole_file(layout_.partial(five_, size_), begun.size()), begun);
  archived(five_);
  EXPECT_FALSE(std::filesystem::exists(layout_.partial(five_, size_)));
}

TEST_F(PushedWalTest, DoesNotArchiveAHalfReceivedSegmentForAPushedSuccessor) {
  auto begun = test::sample_wal(five_);
  std::fill(begun.end() - 4096, begun.end(), std::byte{0});
  received(five_, begun);
  push(five_.next());
  EXPECT_THAT(finish_interrupted(archive_, 1), IsEmpty());
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
  EXPECT_EQ(push(other), PushOutcome::waiting);
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
  EXPECT_EQ(push_bytes(name(five_), wal, upper), PushOutcome::waiting);
}

TEST_F(PushedWalTest, SweepsWhatAKilledOneLeft) {
  io::write_file_durably(layout_.incoming("00112233"), io::as_bytes("half"));
  push(five_);
  EXPECT_FALSE(std::filesystem::exists(layout_.incoming("00112233")));
}

TEST_F(PushedWalTest, KeepsASegmentOnceThatSeveralPushAtOnce) {
  std::atomic<int> kept_times = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const WalArchive own(layout_, archive_.identity());
        const auto wal = test::sample_wal(five_);
        io::MemorySource source(wal);
        if (PushedWal(own).take(name(five_), source, std::nullopt).outcome == PushOutcome::waiting)
          ++kept_times;
      });
    }
  }
  EXPECT_EQ(kept_times, 1);
  EXPECT_THAT(waiting(), SizeIs(1));
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

// All are read at each connection.
TEST_F(PushedWalTest, KeepsFewHistoriesThatNoWalHasBorneOut) {
  const auto push_history = [&](std::uint32_t timeline) {
    push_text(postgres::TimelineId(timeline).history_file(), kHistoryTwo);
  };
  for (std::uint32_t i = 0; i < PushedWal::kMostHistories; ++i) push_history(2 + i);
  EXPECT_THAT([&] { push_history(2 + PushedWal::kMostHistories); },
              ThrowsMessage<Refused>(HasSubstr("that no WAL has borne out")));
  received({kTwo, 5}, test::sample_wal({kTwo, 5}));
  push_history(2 + PushedWal::kMostHistories);
  EXPECT_THROW(push_text("00000FFF.history", std::string(PushedWal::kMostHistoryBytes + 1, '#')), Refused);
}

TEST_F(PushedWalTest, KeepsNoMoreSmallFilesThanSegments) {
  limits_.most_files = 1;
  push_text(kBackupName, kBackupText);
  EXPECT_EQ(push_text(kBackupName, kBackupText), PushOutcome::had_it);
  EXPECT_THAT([&] { push_text("000000010000000000000005.00000030.backup", kBackupText); },
              ThrowsMessage<Refused>(HasSubstr("pushed_wal.most_files")));
}

TEST_F(PushedWalTest, RefusesATimelineThatLeavesTheLiveStream) {
  StreamState stream;
  stream.phase = StreamPhase::streaming;
  stream.flushed = {kOne, five_.end(size_)};
  stream.peer = postgres::Endpoint("db1", "5432");
  write_stream_state(layout_, stream);
  {
    const auto receiving = io::FileLock::acquire(layout_.receiver_lock(), "receive-wal");
    for (int times = 0; times < 2; ++times) {
      EXPECT_THAT([&] { push_text("00000002.history", kHistoryTwo); },
                  ThrowsMessage<Refused>(HasSubstr("while db1:5432 continues on that timeline")));
    }
    EXPECT_EQ(archive_.read_history(kTwo), std::nullopt);
    EXPECT_THAT(EventJournal(layout_).read(), SizeIs(1));
    for (int other = 0; other < 2 * EventJournal::kRemembered; ++other)
      EXPECT_THROW(push_text("00000002.history", fmt::format("1\t0/5800{:02X}\tvaried\n", other)), Refused);
    EXPECT_THAT(EventJournal(layout_).read(), SizeIs(EventJournal::kRemembered + 1));
    push_text("00000003.history", "1\t0/600000\tleft where the stream has come to\n");
  }
  EXPECT_EQ(push_text("00000002.history", kHistoryTwo), PushOutcome::stored);  // nobody receives any more
}

TEST_F(PushedWalTest, RefusesATimelineThatLeavesAStreamThatWasBrokenOffAShortWhileAgo) {
  const auto refused = ThrowsMessage<Refused>(HasSubstr("continues on that timeline"));
  const auto push_history = [&] { push_text("00000002.history", kHistoryTwo); };
  StreamState stream;
  stream.flushed = {kOne, five_.end(size_)};
  stream.peer = postgres::Endpoint("db1", "5432");
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
  WalArchiveWriter(archive_).store_segment(received, postgres::TimelineHistory(kOne), 1);
  StreamState stream;
  stream.phase = StreamPhase::connecting;
  stream.started = io::now();
  write_stream_state(layout_, stream);
  EXPECT_THAT([&] { push_text("00000002.history", kHistoryTwo); },
              ThrowsMessage<Refused>(HasSubstr("while the stream continues")));
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
  archived(five_);
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
  archived(five_);
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
