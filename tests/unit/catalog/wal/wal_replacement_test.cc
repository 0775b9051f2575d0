#include "catalog/wal/wal_replacement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/wal/stored_segment_check.h"
#include "catalog/wal/wal_adoption.h"
#include "tests/support/pushed_wal_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::WalSegment;
using test::kOne;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;

/// Segments 4, 5 and 6 were archived, and the disk has damaged 5.
class WalReplacementTest : public test::PushedWalFixture {
 protected:
  WalReplacementTest() {
    for (const std::uint64_t number : {4, 5, 6}) archived(at(number));
    damage_archived(five_);
    damaged_ = io::read_whole_file(layout_.archived(five_, size_), 2 * test::kSampleSegmentBytes);
  }
  static WalSegment at(std::uint64_t number) { return {kOne, number}; }
  WaitingWal::Record record() {
    return [this](const Event& event) { events_.push_back(event); };
  }
  /// Pushed again, with the warning that the archived one is damaged.
  std::vector<std::string> push_again(std::uint8_t salt = 0) {
    const auto wal = test::sample_wal(five_, salt);
    io::MemorySource source(wal);
    return PushedWal(archive_).take(name(five_), source, std::nullopt).warnings;
  }
  /// As if it had been pushed when its neighbours were not here: then nothing speaks against it.
  void keep_waiting(const io::ByteVector& wal) {
    const auto before = layout_.archived(at(4), size_);
    const auto after = layout_.archived(at(6), size_);
    std::filesystem::rename(before, directory_ / "before");
    std::filesystem::rename(after, directory_ / "after");
    io::MemorySource source(wal);
    PushedWal(archive_).take(name(five_), source, std::nullopt);
    std::filesystem::rename(directory_ / "before", before);
    std::filesystem::rename(directory_ / "after", after);
  }
  WalReplacement replacement_{archive_};
  io::ByteVector damaged_;
  std::vector<Event> events_;
};

TEST_F(WalReplacementTest, PutsTheCopyInThePlaceOfTheDamagedSegmentAndKeepsThat) {
  EXPECT_THAT(push_again(), ElementsAre(HasSubstr("`pgkeep adopt-wal main " + name(five_) + "`")));
  const auto offer = replacement_.offer({});
  ASSERT_THAT(offer.segments, SizeIs(1));
  EXPECT_EQ(replacement_.take(offer.segments[0], record()).segment, five_);
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
  EXPECT_EQ(damage_of(archive_, five_), std::nullopt);
  EXPECT_THAT(waiting(), IsEmpty());
  EXPECT_EQ(io::read_whole_file(replacement_.damaged_file(five_, 1), damaged_.size()), damaged_);
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0].kind, EventKind::adopted);
  EXPECT_EQ(events_[0].range, (WalRange{kOne, Lsn(0x500000), Lsn(0x600000)}));
  EXPECT_THAT(events_[0].cause, HasSubstr(replacement_.damaged_file(five_, 1).native()));
  EXPECT_THAT(archive_.inventory().segments, SizeIs(3));
}

TEST_F(WalReplacementTest, SetsAsideEachDamagedSegmentUnderANameOfItsOwn) {
  for (unsigned number : {1, 2}) {
    damage_archived(five_);
    push_again();
    replacement_.take(replacement_.offer(five_).segments.at(0), record());
    EXPECT_TRUE(std::filesystem::exists(replacement_.damaged_file(five_, number)));
  }
}

TEST_F(WalReplacementTest, OffersNothingForASoundSegment) {
  push_again();
  const auto offer = replacement_.offer({});
  std::filesystem::remove(layout_.archived(five_, size_));
  archived(five_);
  EXPECT_THAT(replacement_.offer({}).segments, IsEmpty());
  EXPECT_THAT([&] { replacement_.take(offer.segments.at(0), record()); },
              ThrowsMessage<Refused>(HasSubstr("is not damaged any more; nothing was changed")));
  EXPECT_THAT(events_, IsEmpty());
}

TEST_F(WalReplacementTest, OffersNoCopyThatDoesNotJoinItsNeighbours) {
  keep_waiting(test::sample_wal(five_, 3, Lsn(five_.begin(size_).value() - 999'992)));
  const auto offer = replacement_.offer({});
  EXPECT_THAT(offer.segments, IsEmpty());
  EXPECT_THAT(offer.why_not, ElementsAre(HasSubstr("do not continue those of the segment before it")));
}

TEST_F(WalReplacementTest, OffersNoneOfTwoThatWouldDo) {
  push_again();
  push_again(1);
  const auto offer = replacement_.offer({});
  EXPECT_THAT(offer.segments, IsEmpty());
  EXPECT_THAT(offer.why_not, ElementsAre(HasSubstr("2 different copies")));
}

TEST_F(WalReplacementTest, OffersNoCopyOfWhichNeitherNeighbourIsHere) {
  push_again();
  for (const std::uint64_t number : {4, 6}) std::filesystem::remove(layout_.archived(at(number), size_));
  EXPECT_THAT(replacement_.offer({}).why_not, ElementsAre(HasSubstr("neither the segment before")));
}

TEST_F(WalReplacementTest, TakesThePlaceOfWhatCannotBeReadAtAll) {
  const auto path = layout_.archived(five_, size_);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);  // as on a bad disk
  EXPECT_THAT(push_again(), ElementsAre(HasSubstr("adopt-wal")));
  replacement_.take(replacement_.offer({}).segments.at(0), record());
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
}

TEST_F(WalReplacementTest, IsFilledAsAGapWhenItWasKilledInBetween) {
  push_again();
  io::rename_durably(layout_.archived(five_, size_), replacement_.damaged_file(five_, 1));
  WalAdoption(archive_).fill_gaps(record());
  EXPECT_EQ(stored(name(five_)), test::sample_wal(five_));
}

TEST_F(WalReplacementTest, DoesNotCallASegmentDamagedForItsHistory) {
  push_text("00000002.history", test::kHistoryTwo);
  archived({test::kTwo, 5});
  io::write_file_durably(layout_.history(test::kTwo), io::as_bytes("no history"));
  EXPECT_EQ(damage_of(archive_, {test::kTwo, 5}), std::nullopt);
}

}  // namespace
}  // namespace pgkeep::catalog
