#include "catalog/wal/wal_adoption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/wal/wal_conflicts.h"
#include "tests/support/pushed_wal_fixture.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::WalSegment;
using test::kHistoryTwo;
using test::kOne;
using test::kTwo;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;
using ::testing::UnorderedElementsAre;

/// A segment of which the records continue none but those that begin here.
io::ByteVector another_history(const WalSegment& segment) {
  return test::sample_wal(segment, 3, Lsn(segment.begin(test::sample_segment_size()).value() - 999'992));
}

class WalAdoptionTest : public test::PushedWalFixture {
 protected:
  static WalSegment at(std::uint64_t number) { return {kOne, number}; }
  WaitingWal::Record record() {
    return [this](const Event& event) { events_.push_back(event); };
  }
  /// The numbers of the segments that were taken.
  static std::vector<std::uint64_t> numbers(const std::vector<SegmentFileHeader>& headers) {
    std::vector<std::uint64_t> found;
    for (const auto& header : headers) found.push_back(header.segment.number);
    return found;
  }
  std::vector<std::uint64_t> filled_before(std::uint64_t right) {
    auto taken = adoption_.fill_gap_before(at(right), record());
    troubles_ = std::move(taken.troubles);
    return numbers(taken.segments);
  }
  std::vector<std::uint64_t> offered(const std::optional<WalSegment>& last = {}) {
    const auto offer = adoption_.offer(last ? last->timeline : kOne, last);
    std::vector<std::uint64_t> found;
    for (const auto& waiting : offer.segments) found.push_back(waiting.segment.number);
    why_no_more_ = offer.ends_because;
    return found;
  }
  /// As a bad disk does. Its path.
  static std::string damage(const PushedCopy& copy) {
    auto file = io::read_whole_file(copy.path, 2 * test::kSampleSegmentBytes);
    file[file.size() / 2] ^= std::byte{1};
    io::write_file_durably(copy.path, file);
    return copy.path.native();
  }
  /// A segment of which the stream has brought the beginning.
  static io::ByteVector begun(const WalSegment& segment) {
    auto wal = test::sample_wal(segment);
    std::fill(wal.begin() + 100'000, wal.end(), std::byte{0});
    return wal;
  }
  /// Waits, and says that the server ran with wal_level = minimal in it.
  void keep_minimal(const WalSegment& segment) {
    const auto wal = test::sample_wal(segment);
    io::MemorySource source(wal);
    const auto staged = StagedFile::receive(layout_, source, wal.size());
    auto header = archive_.check_segment(staged.file(), segment, *archive_.history(segment.timeline));
    header.notes.parameters = {{segment.begin(size_), 1, 2, 3, 4, 5, postgres::WalLevel::minimal}};
    waiting_.keep(header, staged, limits_);
  }
  WalAdoption adoption_{archive_};
  /// The ranges that are recorded as taken.
  std::vector<WalRange> recorded() const {
    std::vector<WalRange> ranges;
    for (const auto& event : events_)
      if (event.kind == EventKind::adopted && event.range) ranges.push_back(*event.range);
    return ranges;
  }
  std::vector<Event> events_;
  std::vector<std::string> troubles_;
  std::string why_no_more_;
};

// --------------------------------------------------------------------------------- gaps that are proved

TEST_F(WalAdoptionTest, FillsAGapWithWhatJoinsBothSides) {
  archived(at(4));
  for (const std::uint64_t number : {7, 5, 6}) push(at(number));
  archived(at(8));
  EXPECT_THAT(filled_before(8), ElementsAre(5, 6, 7));
  for (const std::uint64_t number : {5, 6, 7})
    EXPECT_EQ(stored(name(at(number))), test::sample_wal(at(number)));
  EXPECT_THAT(waiting(), IsEmpty());
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_EQ(events_[0].kind, EventKind::adopted);
  EXPECT_THAT(events_[0].cause, HasSubstr("is going to be taken into the archive, 0/500000 to 0/800000"));
  EXPECT_THAT(recorded(), ElementsAre(WalRange{kOne, Lsn(0x500000), Lsn(0x800000)}));
}

TEST_F(WalAdoptionTest, RecordsAndTellsJustWhatWasTaken) {
  archived(at(4));
  for (const std::uint64_t number : {5, 6, 7}) push(at(number));
  const auto offer = adoption_.offer(kOne, {});
  ASSERT_THAT(offer.segments, SizeIs(3));
  const auto path = damage(offer.segments[1].copy);
  const auto taken = adoption_.take(offer, "somebody said so", record());
  EXPECT_THAT(numbers(taken.segments), ElementsAre(5));
  EXPECT_THAT(taken.troubles,
              ElementsAre(AllOf(HasSubstr("stopped at 000000010000000000000006"), HasSubstr(path))));
  EXPECT_THAT(recorded(), ElementsAre(WalRange{kOne, Lsn(0x500000), Lsn(0x600000)}));
  EXPECT_THAT(events_.back().cause, HasSubstr("no more pushed WAL was taken: it stopped at"));
}

TEST_F(WalAdoptionTest, TellsOfWhatWasTakenBeforeTheDiskFailed) {
  archived(at(4));
  for (const std::uint64_t number : {5, 6}) push(at(number));
  const auto offer = adoption_.offer(kOne, {});
  // A folder where the segment belongs: it cannot be renamed to that, as on a disk that fails.
  std::filesystem::create_directories(layout_.archived(at(6), size_));
  const auto taken = adoption_.take(offer, "somebody said so", record());
  EXPECT_THAT(numbers(taken.segments), ElementsAre(5));
  EXPECT_THAT(taken.troubles, ElementsAre(HasSubstr("stopped at 000000010000000000000006")));
  EXPECT_THAT(recorded(), ElementsAre(WalRange{kOne, Lsn(0x500000), Lsn(0x600000)}));
}

TEST_F(WalAdoptionTest, TellsOfWhatWasTakenWhenThatCannotBeRecorded) {
  archived(at(4));
  push(at(5));
  archived(at(6));
  const auto taken = adoption_.fill_gap_before(at(6), [](const Event& event) {
    if (event.range) throw StorageError(ENOSPC, "events.jsonl", "write");
  });
  EXPECT_THAT(numbers(taken.segments), ElementsAre(5));
  EXPECT_THAT(taken.troubles, ElementsAre(HasSubstr("could not be recorded")));
}

TEST_F(WalAdoptionTest, IsProvedByWhatIsBeingReceivedAfterTheGap) {
  archived(at(4));
  push(at(5));
  received(at(6), begun(at(6)));
  EXPECT_THAT(filled_before(6), ElementsAre(5));
}

TEST_F(WalAdoptionTest, IsNotProvedByTheFirstBytesAfterTheGap) {
  archived(at(4));
  push(at(5));
  auto begun = test::sample_wal(at(6));
  std::fill(begun.begin() + 1000, begun.end(), std::byte{0});  // of a record of 8 KiB
  received(at(6), begun);
  EXPECT_THAT(filled_before(6), IsEmpty());
  EXPECT_THAT(waiting(), SizeIs(1));
}

TEST_F(WalAdoptionTest, TakesNothingThatJoinsOnOneSideAlone) {
  archived(at(4));
  push(at(5));
  archived(at(6), another_history(at(6)));
  EXPECT_THAT(filled_before(6), IsEmpty());

  archived(at(10));
  const auto other = another_history(at(11));
  push(at(12));
  std::filesystem::rename(layout_.archived(at(10), size_), directory_ / "ten");
  push_bytes(name(at(11)), other, std::nullopt);  // its neighbour not being there, nothing speaks against it
  std::filesystem::rename(directory_ / "ten", layout_.archived(at(10), size_));
  archived(at(13));
  EXPECT_THAT(filled_before(13), IsEmpty());
  EXPECT_THAT(waiting(), SizeIs(3));
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(WalAdoptionTest, TakesNoPartOfAGapThatDoesNotWaitWhole) {
  archived(at(4));
  push(at(5));
  push(at(7));
  archived(at(8));
  EXPECT_THAT(filled_before(8), IsEmpty());
  EXPECT_FALSE(archive_.has(at(5)));
}

TEST_F(WalAdoptionTest, TakesNoneOfTwoThatJoinBothSides) {
  archived(at(4));
  push(at(5));
  push(at(5), 1);
  push(at(6));
  archived(at(7));
  EXPECT_THAT(filled_before(7), IsEmpty());
  EXPECT_THAT(waiting(), SizeIs(3));
}

TEST_F(WalAdoptionTest, OfTwoTakesTheOneThatJoinsAndMakesAConflictOfTheOther) {
  archived(at(3));
  archived(at(6));
  push_bytes(name(at(5)), another_history(at(5)), std::nullopt);
  push(at(5));
  archived(at(4));
  EXPECT_THAT(filled_before(6), ElementsAre(5));
  EXPECT_EQ(stored(name(at(5))), test::sample_wal(at(5)));
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_THAT(WalConflicts(archive_).list(), SizeIs(1));
}

TEST_F(WalAdoptionTest, APartialThatWasReceivedWinsOverWhatWaits) {
  archived(at(4));
  push(at(5));
  auto begun = test::sample_wal(at(5), 1);
  std::fill(begun.begin() + 100'000, begun.end(), std::byte{0});
  received(at(5), begun);
  archived(at(6));
  EXPECT_THAT(filled_before(6), IsEmpty());
  EXPECT_THAT(offered(), IsEmpty());
}

TEST_F(WalAdoptionTest, JoinsARecordThatGoesOnFromOneSegmentToTheNext) {
  test::WalBuilder server(at(4).begin(size_));
  while (server.position() < at(8).begin(size_)) server.other(6000);
  const auto part = [&](std::uint64_t number) { return server.segment(number - 4); };
  archived(at(4), part(4));
  push_bytes(name(at(5)), part(5), std::nullopt);
  push_bytes(name(at(6)), part(6), std::nullopt);
  archived(at(7), part(7));
  EXPECT_THAT(filled_before(7), ElementsAre(5, 6));
}

TEST_F(WalAdoptionTest, AClonesWalThatWentOnByItselfDoesNotFillAGap) {
  test::WalBuilder server(at(4).begin(size_));
  while (server.position() < at(5).begin(size_)) server.other(6000);
  auto clone = server;
  while (server.position() < at(8).begin(size_)) server.other(6000);
  while (clone.position() < at(8).begin(size_)) clone.other(5000);
  archived(at(4), server.segment(0));
  push_bytes(name(at(5)), clone.segment(1), std::nullopt);
  push_bytes(name(at(6)), clone.segment(2), std::nullopt);
  archived(at(7), server.segment(3));
  EXPECT_THAT(filled_before(7), IsEmpty());
  push_bytes(name(at(6)), server.segment(2), std::nullopt);
  push_bytes(name(at(5)), server.segment(1), std::nullopt);
  EXPECT_EQ(stored(name(at(5))), server.segment(1));
  EXPECT_EQ(stored(name(at(6))), server.segment(2));
  EXPECT_THAT(WalConflicts(archive_).list(), SizeIs(2));
}

// What a server had before the first contact.
TEST_F(WalAdoptionTest, TakesWhatLiesBeforeAllThatIsHeldWhenItJoinsThat) {
  push(at(4));
  push(at(5));
  archived(at(6));
  archived(at(8));
  push(at(7), 1);
  EXPECT_THAT(filled_before(6), ElementsAre(4, 5));
  push_bytes(name(at(3)), another_history(at(3)), std::nullopt);
  EXPECT_TRUE(archive_.has(at(3)));  // what is before it is not known
  EXPECT_THAT([&] { push_bytes(name(at(2)), test::sample_wal(at(2), 0), std::nullopt); },
              ThrowsMessage<Corruption>(HasSubstr("do not join")));
}

TEST_F(WalAdoptionTest, FindsEveryGap) {
  for (const std::uint64_t number : {4, 6, 8}) archived(at(number));
  for (const std::uint64_t number : {5, 7}) {
    const auto path = layout_.archived(at(number + 1), size_);
    std::filesystem::rename(path, directory_ / "aside");  // else pushing fills it
    push(at(number));
    std::filesystem::rename(directory_ / "aside", path);
  }
  EXPECT_THAT(numbers(adoption_.fill_gaps(record()).segments), ElementsAre(5, 7));
}

TEST_F(WalAdoptionTest, FillsAGapWhateverCannotBeReadBesideAnother) {
  archived(at(3));
  archived(at(4));
  push(at(5));
  const auto unread = waiting_.list().at(0).copy.path;
  std::filesystem::remove(unread);
  std::filesystem::create_directory(unread);  // cannot be read, as on a bad disk
  archived(at(6));
  push(at(7));
  push_text("00000002.history", kHistoryTwo);
  push({kTwo, 5});
  received({kTwo, 6}, begun({kTwo, 6}));
  io::write_file_durably(layout_.history(kTwo), io::as_bytes("no history"));
  archived(at(8));
  const auto taken = adoption_.fill_gaps(record());
  EXPECT_THAT(numbers(taken.segments), ElementsAre(7));
  EXPECT_THAT(taken.troubles,
              UnorderedElementsAre(HasSubstr(unread.native()), HasSubstr(layout_.history(kTwo).native())));
}

TEST_F(WalAdoptionTest, TakesNothingAfterASegmentThatTheStreamBroughtOtherwiseMeanwhile) {
  archived(at(4));
  push(at(5));
  push(at(6));
  archived(at(7));
  const auto taken = adoption_.fill_gap_before(at(7), [this](const Event& event) {
    if (event.kind == EventKind::adopted && !archive_.has(at(5))) archived(at(5), 1);
  });
  EXPECT_THAT(taken.segments, IsEmpty());
  EXPECT_THAT(taken.troubles, ElementsAre(HasSubstr("000000010000000000000005: the stream has brought")));
  EXPECT_FALSE(archive_.has(at(6)));
  EXPECT_THAT(waiting(), ElementsAre(name(at(6))));
  EXPECT_THAT(WalConflicts(archive_).list(), SizeIs(1));
}

TEST_F(WalAdoptionTest, ASegmentThatStillWaitsForTheArchiverIsNoGap) {
  archived(at(4));
  push(at(5));
  received(at(5), test::sample_wal(at(5)));
  received(at(6), begun(at(6)));
  EXPECT_THAT(filled_before(6), IsEmpty());
  EXPECT_THAT(adoption_.fill_gap_around(at(5), record()).segments, IsEmpty());
  EXPECT_THAT(waiting(), SizeIs(1));
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(WalAdoptionTest, AGapEndsAtASegmentThatStillWaitsForTheArchiver) {
  archived(at(3));
  push(at(5));
  received(at(5), test::sample_wal(at(5)));
  received(at(6), begun(at(6)));
  EXPECT_EQ(push(at(4)), PushOutcome::stored);
  EXPECT_FALSE(archive_.has(at(5)));
}

TEST_F(WalAdoptionTest, WhatASegmentTellsIsRecordedBeforeItIsTaken) {
  archived(at(4));
  keep_minimal(at(5));
  archived(at(6));
  const auto fails = [](const Event& event) {
    if (event.kind == EventKind::minimal_wal) throw StorageError(ENOSPC, "events.jsonl", "write");
  };
  EXPECT_THROW(adoption_.fill_gap_before(at(6), fails), StorageError);
  EXPECT_FALSE(archive_.has(at(5)));
  EXPECT_THAT(filled_before(6), ElementsAre(5));
  ASSERT_THAT(events_, SizeIs(3));
  EXPECT_EQ(events_[1].kind, EventKind::minimal_wal);
}

TEST_F(WalAdoptionTest, ADamagedCopyFillsNoGapUntilItIsPushedAgain) {
  archived(at(4));
  push(at(5));
  damage(waiting_.list().at(0).copy);
  archived(at(6));
  EXPECT_THAT(filled_before(6), IsEmpty());
  EXPECT_THAT(troubles_, ElementsAre(HasSubstr(waiting_.list().at(0).copy.path.native())));
  EXPECT_THAT(events_, IsEmpty());
  EXPECT_EQ(push(at(5)), PushOutcome::stored);
  EXPECT_EQ(stored(name(at(5))), test::sample_wal(at(5)));
}

TEST_F(WalAdoptionTest, ACopyIsReadOnceMoreBeforeItIsTheOnlyOne) {
  archived(at(4));
  push(at(5));
  const auto offer = adoption_.offer(kOne, {});
  ASSERT_THAT(offer.segments, SizeIs(1));
  const auto path = damage(offer.segments[0].copy);
  EXPECT_THAT([&] { adoption_.take(offer, "somebody said so", record()); },
              ThrowsMessage<Corruption>(HasSubstr(path)));
  EXPECT_FALSE(archive_.has(at(5)));
  EXPECT_THAT(offered(), IsEmpty());
}

TEST_F(WalAdoptionTest, IsNotInTheArchiveWithoutATrace) {
  archived(at(4));
  push(at(5));
  archived(at(6));
  EXPECT_THROW(adoption_.fill_gap_before(
                   at(6), [](const Event&) { throw StorageError(ENOSPC, "events.jsonl", "write"); }),
               StorageError);
  EXPECT_FALSE(archive_.has(at(5)));
  EXPECT_THAT(filled_before(6), ElementsAre(5));
}

// --------------------------------------------------------------------------------- an operator's word

TEST_F(WalAdoptionTest, OffersWhatContinuesTheEndOfTheWal) {
  archived(at(4));
  for (const std::uint64_t number : {5, 6, 8}) push(at(number));
  EXPECT_THAT(offered(), ElementsAre(5, 6));
  EXPECT_THAT(why_no_more_, HasSubstr("the segment before 000000010000000000000008 is missing"));
  EXPECT_THAT(offered(at(5)), ElementsAre(5));
  adoption_.take(adoption_.offer(kOne, {}), "somebody said so", record());
  EXPECT_TRUE(archive_.has(at(6)));
  EXPECT_THAT(waiting(), ElementsAre(name(at(8))));
  ASSERT_THAT(events_, SizeIs(2));
  EXPECT_THAT(events_[1].cause, HasSubstr("somebody said so"));
}

TEST_F(WalAdoptionTest, OffersTheWholeOfASegmentThatWasBeingReceived) {
  received(at(4), begun(at(4)));
  push(at(4));
  push(at(5));
  EXPECT_THAT(offered(), ElementsAre(4, 5));
}

TEST_F(WalAdoptionTest, OffersNothingThatDoesNotContinueOrIsNotTheOnlyOne) {
  archived(at(4));
  push(at(5));
  push(at(5), 1);
  EXPECT_THAT(offered(), IsEmpty());
  EXPECT_THAT(why_no_more_, HasSubstr("2 different copies of 000000010000000000000005"));
  waiting_.remove(waiting_.list().at(0));
  EXPECT_THAT(offered(), ElementsAre(5));
  push_bytes(name(at(6)), another_history(at(6)), std::nullopt);
  EXPECT_THAT(offered(), ElementsAre(5));
  EXPECT_THAT(why_no_more_, HasSubstr("000000010000000000000006 does not continue"));
}

TEST_F(WalAdoptionTest, OffersNothingIntoAGapThatDoesNotJoinItsEnd) {
  archived(at(4));
  push(at(5));
  archived(at(6), another_history(at(6)));
  EXPECT_THAT(offered(), IsEmpty());
  EXPECT_THAT(why_no_more_, HasSubstr("do not join those of the segment after it"));
}

TEST_F(WalAdoptionTest, FollowsATimelineThatIsNamed) {
  archived(at(4));
  push_text("00000002.history", kHistoryTwo);
  push({kTwo, 5});
  push({kTwo, 6});
  EXPECT_THAT(offered(), IsEmpty());
  EXPECT_THAT(offered(WalSegment{kTwo, 6}), ElementsAre(5, 6));
  EXPECT_THAT([&] { adoption_.offer(postgres::TimelineId(3), {}); },
              ThrowsMessage<Refused>(HasSubstr("push 00000003.history first")));
}

}  // namespace
}  // namespace pgkeep::catalog
