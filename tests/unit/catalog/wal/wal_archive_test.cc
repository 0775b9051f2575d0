#include "catalog/wal/wal_archive.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/postgres/versions.h"
#include "catalog/wal/commit_times.h"
#include "catalog/wal/received_records.h"
#include "catalog/wal/stored_segment_check.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

constexpr TimelineId kOne(1);
constexpr TimelineId kTwo(2);
constexpr auto kMiB = test::kSampleSegmentBytes;
constexpr const char* kHistoryTwo =
    "1\t0/580000\tno recovery target specified\n";  // in the middle of segment 5

class WalArchiveTest : public testing::Test {
 protected:
  WalArchiveTest() { layout_.make(); }

  /// A file as if it had been received before.
  void received(const WalSegment& segment, io::ByteVector wal, std::size_t length) {
    std::fill(wal.begin() + static_cast<std::ptrdiff_t>(length), wal.end(), std::byte{0});
    io::write_file_durably(layout_.partial(segment, size_), wal);
  }
  void received(const WalSegment& segment, std::size_t length) {
    received(segment, test::sample_wal(segment), length);
  }
  SegmentFileHeader store(const WalSegment& segment) {
    auto partial = PartialSegment::open(layout_, segment, size_);
    return WalArchiveWriter(archive_).store_segment(partial, archive_.history(segment.timeline).value(), 1);
  }
  void archived(const WalSegment& segment) {
    received(segment, kMiB);
    store(segment);
  }
  io::ByteVector content(const WalSegment& segment) {
    auto reader = archive_.open_segment(segment);
    io::ByteVector plain(kMiB);
    std::size_t done = 0;
    while (const auto n = reader->read(io::ByteSpan(plain).subspan(done))) done += n;
    return plain;
  }
  bool partial_is_there(const WalSegment& segment) {
    return std::filesystem::exists(layout_.partial(segment, size_));
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
};

// ------------------------------------------------------------------------------------------ storing

TEST_F(WalArchiveTest, MovesAWholeSegmentIntoTheArchive) {
  const WalSegment five{kOne, 5};
  received(five, kMiB);
  EXPECT_EQ(store(five).segment, five);
  EXPECT_TRUE(archive_.has(five));
  EXPECT_FALSE(partial_is_there(five));
  EXPECT_EQ(content(five), test::sample_wal(five));
}

/// Its header comes first in the file, and most of what that says is known only at the segment's end.
TEST_F(WalArchiveTest, AFileHasJustTheRoomThatItsHeaderNeeds) {
  const WalSegment five{kOne, 5};
  const auto before_the_end = [&](std::uint64_t bytes) { return Lsn(five.end(size_).value() - bytes); };
  const auto settings = [] {
    io::ByteVector rest(2 + 24);
    rest[0] = std::byte{255};
    rest[1] = std::byte{24};
    return rest;
  }();
  for (const std::uint64_t cut : {8, 24, 504, 2000, 3 * 8192 - 64, 0}) {
    for (const bool with_settings : {false, true}) {
      test::WalBuilder wal(five.begin(size_));
      if (with_settings) wal.add(0, 0x60, settings);
      if (cut > 0) {
        wal.fill_to(before_the_end(cut));
        wal.other(5 * 8192);
      }
      wal.switch_wal();
      received(five, wal.segment(0), kMiB);
      const auto partial = io::File::open_to_read(layout_.partial(five, size_));
      const auto header = archive_.check_segment(partial, five, TimelineHistory(kOne));
      const auto expected = directory_ / (five.name(size_) + ".zst");
      write_segment_file(expected, header, partial, 1);
      store(five);
      const auto archived = layout_.archived(five, size_);
      EXPECT_EQ(io::read_whole_file(archived, kMiB), io::read_whole_file(expected, kMiB)) << cut;
      EXPECT_EQ(header.notes.parameters.size(), with_settings ? 1u : 0u);
      std::filesystem::remove(archived);
    }
  }
}

TEST_F(WalArchiveTest, KeepsOutASegmentWithABadPage) {
  const WalSegment five{kOne, 5};
  auto wal = test::sample_wal(five);
  wal[3 * postgres::kWalBlockBytes] ^= std::byte{1};
  received(five, wal, kMiB);
  EXPECT_THAT([&] { store(five); }, ThrowsMessage<Corruption>(HasSubstr("0/506000")));
  EXPECT_FALSE(archive_.has(five));
  EXPECT_TRUE(partial_is_there(five));
}

TEST_F(WalArchiveTest, TakesASegmentThatEndsWithASwitch) {
  // In mid-page, at a page's end, and with the record behind the header of a page.
  for (const std::size_t used : {40'000, 8192 * 3, 8192 * 3 + 24 + 24}) {
    const WalSegment segment{kOne, used};
    received(segment, test::sample_wal_with_switch(segment, used), kMiB);
    EXPECT_NO_THROW(store(segment)) << used;
  }
}

TEST_F(WalArchiveTest, TakesASwitchThatIsSplitByAPageHeader) {
  const WalSegment five{kOne, 5};
  constexpr std::size_t kPage = 8192 * 4;
  constexpr std::size_t kHeader = 24;
  for (const std::size_t begun : {8, 16}) {
    test::WalBuilder wal(five.begin(size_));
    wal.fill_to(five.begin(size_) + (kPage - begun));
    wal.switch_wal();
    received(five, wal.segment(0), kPage + kHeader + test::kSwitchRecordBytes - begun);
    EXPECT_NO_THROW(store(five)) << begun;
    std::filesystem::remove(layout_.archived(five, size_));
  }
}

TEST_F(WalArchiveTest, KeepsOutASegmentWithAFlippedBitInARecord) {
  const WalSegment five{kOne, 5};
  for (const std::size_t at : {8192 + 100, 500'000, 1'048'575}) {
    auto wal = test::sample_wal(five);
    wal[at] ^= std::byte{4};
    received(five, wal, kMiB);
    EXPECT_THAT([&] { store(five); }, ThrowsMessage<Corruption>(HasSubstr("CRC"))) << at;
    EXPECT_FALSE(archive_.has(five));
    EXPECT_TRUE(partial_is_there(five));
  }
}

TEST_F(WalArchiveTest, KeepsOutASegmentOfAnotherHistoryThanTheOneBefore) {
  const WalSegment five{kOne, 5};
  received(five, kMiB);
  store(five);
  // A server that was put back to a snapshot and wrote on: sound by itself, up to the same boundary.
  received(five.next(), test::sample_wal(five.next(), 0, Lsn(test::last_sample_record(five).value() - 64)),
           kMiB);
  EXPECT_THAT([&] { store(five.next()); },
              ThrowsMessage<Corruption>(HasSubstr("the one before it begins at")));
  EXPECT_FALSE(archive_.has(five.next()));
  received(five.next(), kMiB);
  EXPECT_NO_THROW(store(five.next()));
}

TEST_F(WalArchiveTest, KeepsOutTheRestOfAnotherRecordThanWasBegunInTheSegmentBefore) {
  const WalSegment five{kOne, 5};
  const auto restore_point_across = [&](const char* name) {
    test::WalBuilder wal(five.begin(size_));
    wal.fill_to(Lsn(five.end(size_).value() - 48));
    wal.restore_point(std::string(40, 'x') + name, {});
    wal.switch_wal();
    return wal;
  };
  received(five, restore_point_across("1").segment(0), kMiB);
  store(five);
  received(five.next(), restore_point_across("2").segment(1), kMiB);
  EXPECT_THAT([&] { store(five.next()); }, ThrowsMessage<Corruption>(HasSubstr("CRC")));
  received(five.next(), restore_point_across("1").segment(1), kMiB);
  EXPECT_NO_THROW(store(five.next()));
}

TEST_F(WalArchiveTest, KeepsOutASegmentThatTheArchivedOneAfterItDoesNotContinue) {
  const WalSegment five{kOne, 5};
  received(five.next(), test::sample_wal(five.next(), 0, Lsn(0x500028)), kMiB);
  store(five.next());
  received(five, kMiB);
  EXPECT_THAT([&] { store(five); },
              ThrowsMessage<Corruption>(HasSubstr("do not join those of the archived")));
  EXPECT_FALSE(archive_.has(five));
  EXPECT_TRUE(partial_is_there(five));
}

TEST_F(WalArchiveTest, KnowsWhetherWhatIsHeldContinuesASegment) {
  const WalSegment five{kOne, 5};
  archived(five);
  const auto carry = archive_.open_segment(five)->header().carry.value();
  EXPECT_EQ(archive_.continues(five.next(), carry), Joins::not_known);
  received(five.next(), 100);  // a part of its first record
  EXPECT_EQ(archive_.continues(five.next(), carry), Joins::not_known);
  received(five.next(), 100'000);
  EXPECT_EQ(archive_.continues(five.next(), carry), Joins::yes);
  received(five.next(), test::sample_wal(five.next(), 0, Lsn(0x500028)), 100'000);
  EXPECT_EQ(archive_.continues(five.next(), carry), Joins::no);
  archived(five.next());
  EXPECT_EQ(archive_.continues(five.next(), carry), Joins::yes);
  EXPECT_EQ(archive_.continues(five, carry), Joins::not_known);  // it does not begin there
}

TEST_F(WalArchiveTest, ArchivesWhatFollowsADamagedSegment) {
  const WalSegment five{kOne, 5};
  received(five, kMiB);
  store(five);
  io::File::open_or_create(layout_.archived(five, size_)).write_at(io::ByteVector(8, std::byte{0xFF}), 64);
  received(five.next(), kMiB);
  EXPECT_NO_THROW(store(five.next()));
}

TEST_F(WalArchiveTest, KeepsOutASegmentThatIsCutWithoutASwitch) {
  const WalSegment five{kOne, 5};
  received(five, 40'000);
  EXPECT_THAT([&] { store(five); }, ThrowsMessage<Corruption>(HasSubstr("0/508018")));
  EXPECT_FALSE(archive_.has(five));
}

TEST_F(WalArchiveTest, LeavesAnArchivedSegmentWithTheSameBytes) {
  const WalSegment five{kOne, 5};
  archived(five);
  archived(five);
  EXPECT_FALSE(partial_is_there(five));
}

TEST_F(WalArchiveTest, KeepsBothWhenAnArchivedSegmentDiffers) {
  const WalSegment five{kOne, 5};
  archived(five);
  received(five, test::sample_wal(five, 1), kMiB);
  EXPECT_THAT([&] { store(five); }, ThrowsMessage<Corruption>(HasSubstr("two branches")));
  EXPECT_TRUE(partial_is_there(five));
  EXPECT_EQ(content(five), test::sample_wal(five));
}

TEST_F(WalArchiveTest, HasNothingToOpenForAnUnknownSegment) {
  EXPECT_FALSE(archive_.open_segment({kOne, 5}).has_value());
}

// ------------------------------------------------------------------------------ what a crash has left

TEST_F(WalArchiveTest, ArchivesAWholePartialThatHasASuccessor) {
  const WalSegment five{kOne, 5};
  received(five, kMiB);
  received(five.next(), 100);
  EXPECT_THAT(finish_interrupted(archive_, 1), testing::SizeIs(1));
  EXPECT_TRUE(archive_.has(five));
  EXPECT_FALSE(partial_is_there(five));
  EXPECT_TRUE(partial_is_there(five.next()));
}

TEST_F(WalArchiveTest, LeavesThePartialThatIsBeingReceived) {
  received({kOne, 5}, 50'000);
  EXPECT_THAT(finish_interrupted(archive_, 1), IsEmpty());
  EXPECT_TRUE(partial_is_there({kOne, 5}));
}

TEST_F(WalArchiveTest, AStreamCanBeginWhileAnotherAddsToTheArchive) {
  archived({kOne, 4});
  received({kOne, 4}, kMiB);
  received({kOne, 5}, 50'000);
  const WalArchiveWriter another(archive_);
  EXPECT_THAT(finish_interrupted(archive_, 1), IsEmpty());  // else Busy, after a minute
  EXPECT_FALSE(partial_is_there({kOne, 4}));
}

TEST_F(WalArchiveTest, LeavesTheLastPartialOfAnOldTimeline) {
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kOne, 5}, 500'000);
  received({kTwo, 5}, kMiB);
  received({kTwo, 6}, 0);
  finish_interrupted(archive_, 1);
  EXPECT_TRUE(partial_is_there({kOne, 5}));
  EXPECT_TRUE(archive_.has({kTwo, 5}));
}

TEST_F(WalArchiveTest, RemovesThePartialOfAnArchivedSegment) {
  const WalSegment five{kOne, 5};
  archived(five);
  received(five, kMiB);
  finish_interrupted(archive_, 1);
  EXPECT_FALSE(partial_is_there(five));
}

TEST_F(WalArchiveTest, KeepsALeftoverPartialThatDiffersFromTheArchive) {
  const WalSegment five{kOne, 5};
  archived(five);
  received(five, test::sample_wal(five, 1), kMiB);
  EXPECT_THROW(finish_interrupted(archive_, 1), Corruption);
  EXPECT_TRUE(partial_is_there(five));
}

// -------------------------------------------------------------------------------------- histories

TEST_F(WalArchiveTest, KeepsAHistoryByteForByte) {
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  EXPECT_EQ(archive_.read_history(kTwo), kHistoryTwo);
  EXPECT_EQ(archive_.history(kTwo)->begin(), Lsn(0x580000));
  EXPECT_NO_THROW(WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo));
}

TEST_F(WalArchiveTest, RefusesAnotherHistoryOfATimeline) {
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  EXPECT_THROW(WalArchiveWriter(archive_).store_history(kTwo, "1\t0/590000\tother\n"), Corruption);
  EXPECT_EQ(archive_.read_history(kTwo), kHistoryTwo);
}

TEST_F(WalArchiveTest, KnowsTheFirstTimelineWithoutAFile) {
  EXPECT_TRUE(archive_.history(kOne).has_value());
  EXPECT_FALSE(archive_.history(kTwo).has_value());
}

// --------------------------------------------------------------------------------------- asking

TEST_F(WalArchiveTest, ListsWhatLiesInItsFolders) {
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  archived({kOne, 4});
  archived({kTwo, 5});
  received({kOne, 5}, 10);
  io::write_file_durably(layout_.wal_streaming() / "notes.txt", io::as_bytes("x"));
  io::write_file_durably(layout_.wal() / "000000010000000000000009.zst", io::as_bytes("in the wrong folder"));
  const auto found = archive_.inventory();
  EXPECT_THAT(found.segments, ElementsAre(WalSegment{kOne, 4}, WalSegment{kTwo, 5}));
  EXPECT_THAT(found.partials, ElementsAre(WalSegment{kOne, 5}));
  EXPECT_EQ(found.histories.size(), 1u);
}

TEST_F(WalArchiveTest, JoinsSegmentsToRangesUpToHolesAndTimelines) {
  WalInventory found;
  found.segments = {{kOne, 4}, {kOne, 5}, {kOne, 7}, {kTwo, 8}};
  EXPECT_THAT(found.ranges(size_), ElementsAre(WalRange{kOne, Lsn(4 * kMiB), Lsn(6 * kMiB)},
                                               WalRange{kOne, Lsn(7 * kMiB), Lsn(8 * kMiB)},
                                               WalRange{kTwo, Lsn(8 * kMiB), Lsn(9 * kMiB)}));
}

TEST_F(WalArchiveTest, HoldsWhatLiesInSegmentsAndInThePartialsFirstBytes) {
  archived({kOne, 4});
  received({kOne, 5}, 1000);
  const TimelineHistory line(kOne);
  EXPECT_TRUE(HeldWal::read(archive_).along(line).covers(Lsn(4 * kMiB + 9), Lsn(5 * kMiB + 1000)));
  EXPECT_FALSE(HeldWal::read(archive_).along(line).covers(Lsn(4 * kMiB), Lsn(5 * kMiB + 1001)));
  EXPECT_FALSE(HeldWal::read(archive_).along(line).covers(Lsn(4 * kMiB - 1), Lsn(5 * kMiB)));
}

TEST_F(WalArchiveTest, HoldsALineAcrossASwitchOfTimelines) {
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  archived({kOne, 4});
  received({kTwo, 5}, kMiB);
  const auto line = archive_.history(kTwo).value();
  EXPECT_TRUE(HeldWal::read(archive_).along(line).covers(Lsn(4 * kMiB), Lsn(6 * kMiB)));
}

TEST_F(WalArchiveTest, DoesNotHoldALineByWalThatWasLeft) {
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kOne, 5}, kMiB);
  const auto line = archive_.history(kTwo).value();
  EXPECT_TRUE(HeldWal::read(archive_).along(line).covers(Lsn(5 * kMiB), Lsn(0x580000)));
  EXPECT_FALSE(HeldWal::read(archive_).along(line).covers(Lsn(5 * kMiB), Lsn(0x580008)));
}

TEST_F(WalArchiveTest, RefusesAHistoryThatItCouldNotReadAgain) {
  const auto large = std::string(1 << 20, '#') + '\n' + kHistoryTwo;
  EXPECT_THAT([&] { WalArchiveWriter(archive_).store_history(kTwo, large); },
              ThrowsMessage<Corruption>(HasSubstr("larger")));
  EXPECT_EQ(archive_.read_history(kTwo), std::nullopt);
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  EXPECT_THAT([&] { WalArchiveWriter(archive_).replace_history(kTwo, large); },
              ThrowsMessage<Corruption>(HasSubstr("larger")));
  EXPECT_EQ(archive_.read_history(kTwo), kHistoryTwo);
}

TEST_F(WalArchiveTest, ADamagedHistoryConcernsOnlyItsTimeline) {
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  io::write_file_durably(layout_.history(kTwo), io::as_bytes("1\tQ/580000\n"));
  received({kOne, 5}, 1000);
  const auto wal = archive_.inventory();
  EXPECT_THAT(wal.partials, testing::SizeIs(1));
  EXPECT_TRUE(wal.histories.empty());
  EXPECT_THAT(wal.damaged_histories.at(kTwo), HasSubstr("put-wal"));
  EXPECT_THAT([&] { archive_.history(kTwo); }, ThrowsMessage<Corruption>(HasSubstr("put-wal")));
}

TEST_F(WalArchiveTest, ASoundHistoryTakesThePlaceOfADamagedOne) {
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  io::write_file_durably(layout_.history(kTwo), io::as_bytes("1\tQ/580000\n"));
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  EXPECT_EQ(archive_.read_history(kTwo), kHistoryTwo);
}

TEST_F(WalArchiveTest, AHistoryThatCannotBeReadConcernsOnlyItsTimelineAndIsStoredAgain) {
  const auto path = layout_.history(kTwo);
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  io::write_file_durably(path, io::ByteVector(2u << 20, std::byte{'1'}));
  EXPECT_THAT(archive_.inventory().damaged_histories.at(kTwo), HasSubstr("put-wal"));
  EXPECT_THAT([&] { archive_.read_history(kTwo); }, ThrowsMessage<Corruption>(HasSubstr("put-wal")));
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  EXPECT_EQ(archive_.read_history(kTwo), kHistoryTwo);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);  // cannot be read, as on a bad disk
  EXPECT_THAT(archive_.inventory().damaged_histories.at(kTwo), HasSubstr(path.native()));
}

TEST_F(WalArchiveTest, ASegmentThatCannotBeReadKeepsNeitherNeighbourFromBeingArchived) {
  const WalSegment five{kOne, 5};
  const auto path = layout_.archived(five, size_);
  std::filesystem::create_directories(path);  // cannot be read, as on a bad disk
  EXPECT_EQ(archive_.carry_into(five.next()), std::nullopt);
  EXPECT_EQ(archive_.continues(five, {.at = five.begin(size_), .last_record = Lsn()}), Joins::not_known);
}

TEST_F(WalArchiveTest, TakesBackTheEndOfAPartial) {
  const WalSegment five{kOne, 5};
  received(five, kMiB);
  cut_partial(layout_, five, size_, Lsn(5 * kMiB + 1000));
  EXPECT_EQ(archive_.partial_end(five), Lsn(5 * kMiB + 1000));
  EXPECT_EQ(std::filesystem::file_size(layout_.partial(five, size_)), kMiB);
  cut_partial(layout_, five, size_, Lsn(5 * kMiB));
  EXPECT_FALSE(partial_is_there(five));
  cut_partial(layout_, five, size_, Lsn(5 * kMiB));
}

TEST_F(WalArchiveTest, EndsAPartialBehindItsLastByteThatIsNotZero) {
  received({kOne, 5}, 1001);
  EXPECT_EQ(archive_.partial_end({kOne, 5}), Lsn(5 * kMiB + 1008));
  EXPECT_EQ(archive_.partial_end({kOne, 6}), Lsn(6 * kMiB));
}

// ------------------------------------------------------------------- a version that came after this program

class UnknownVersionArchiveTest : public WalArchiveTest {
 protected:
  UnknownVersionArchiveTest() {
    archive_ = WalArchive(layout_, {test::kSampleSystem, postgres::newest_known_major() + 1, size_, 8192});
  }
  io::ByteVector not_understood_ = io::ByteVector(kMiB, std::byte{0x5A});
};

TEST_F(UnknownVersionArchiveTest, KeepsWalAsItCameAndSaysThatNothingIsKnownOfIt) {
  const WalSegment five{kOne, 5};
  const WalSegment six{kOne, 6};
  received(five, not_understood_, kMiB);
  const auto header = store(five);
  EXPECT_EQ(content(five), not_understood_);
  EXPECT_FALSE(header.carry);
  EXPECT_FALSE(header.commits.known);
  EXPECT_FALSE(header.notes.complete);
  EXPECT_TRUE(StoredSegmentCheck(archive_).check_archived(five));
  received(six, not_understood_, 20000);
  EXPECT_TRUE(StoredSegmentCheck(archive_).check({.segment = six, .partial = true, .end = {}},
                                                 six.begin(size_) + 20000));
  const auto records = check_received_records(archive_, six, six.begin(size_) + 20000);
  EXPECT_EQ(records.end, six.begin(size_) + 20000);
  EXPECT_FALSE(records.damage);
  for (const auto& segment : {five, six}) {
    const auto contents = read_wal_contents(archive_, segment, segment.end(size_));
    ASSERT_TRUE(contents);
    EXPECT_FALSE(contents->commits.known || contents->notes.complete);
  }
  EXPECT_FALSE(read_wal_contents(archive_, six.next(), six.next().end(size_)));
}

TEST_F(UnknownVersionArchiveTest, FindsAFileThatIsNotWhatWasStored) {
  const WalSegment five{kOne, 5};
  received(five, not_understood_, kMiB);
  store(five);
  const auto path = layout_.archived(five, size_);
  auto file = io::read_whole_file(path, kMiB);
  file[file.size() / 2] ^= std::byte{1};
  io::write_file_durably(path, file);
  EXPECT_THROW(StoredSegmentCheck(archive_).check_archived(five), Corruption);
}

}  // namespace
}  // namespace pgkeep::catalog
