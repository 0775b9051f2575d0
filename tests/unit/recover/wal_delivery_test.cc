#include "recover/wal_delivery.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::recover {
namespace {

using postgres::TimelineId;
using postgres::WalSegment;

constexpr TimelineId kOne(1);
constexpr TimelineId kTwo(2);
constexpr auto kBytes = test::kSampleSegmentBytes;
/// Timeline 2 leaves timeline 1 in the middle of segment 6.
constexpr const char* kHistoryTwo = "1\t0/680000\tno recovery target specified\n";

class WalDeliveryTest : public testing::Test {
 protected:
  WalDeliveryTest() { layout_.make(); }

  /// The first `length` bytes of the segment are there.
  void received(const WalSegment& segment, std::size_t length) {
    io::write_file_durably(layout_.partial(segment, size_), first_bytes(segment, length));
  }
  void archived(const WalSegment& segment) {
    received(segment, kBytes);
    auto partial = catalog::PartialSegment::open(layout_, segment, size_);
    catalog::WalArchiveWriter(archive_).store_segment(partial, archive_.history(segment.timeline).value(), 1);
  }
  /// What PostgreSQL gets when it asks for the segment; nothing when it is not there.
  std::optional<io::ByteVector> asked(const std::string& name) {
    io::MemorySink out;
    if (deliver_wal(archive_, name, out) == WalAnswer::not_there) return std::nullopt;
    return out.bytes();
  }
  std::optional<io::ByteVector> asked(const WalSegment& segment) { return asked(segment.name(size_)); }
  static io::ByteVector first_bytes(const WalSegment& segment, std::size_t length) {
    auto wal = test::sample_wal(segment);
    std::fill(wal.begin() + static_cast<std::ptrdiff_t>(length), wal.end(), std::byte{0});
    return wal;
  }

  test::TempDirectory folder_;
  store::ServerLayout layout_{folder_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
};

TEST_F(WalDeliveryTest, DeliversACompleteSegment) {
  archived({kOne, 5});
  EXPECT_EQ(asked({kOne, 5}), test::sample_wal({kOne, 5}));
}

TEST_F(WalDeliveryTest, DeliversTheSegmentStillBeingReceivedWithZeroesBehind) {
  archived({kOne, 5});
  received({kOne, 6}, 20000);
  EXPECT_EQ(asked({kOne, 6}), first_bytes({kOne, 6}, 20000));
}

TEST_F(WalDeliveryTest, PadsAPartialThatIsShorterThanTheSegment) {
  const auto start = first_bytes({kOne, 6}, 20000);
  io::write_file_durably(layout_.partial({kOne, 6}, size_), io::ByteView(start).first(20000));
  EXPECT_EQ(asked({kOne, 6}), start);
}

TEST_F(WalDeliveryTest, DoesNotTakeAHalfLastPageForWholeWhenTheNextSegmentWasPushed) {
  received({kOne, 5}, kBytes - 4096);
  archived({kOne, 6});  // as if pushed: the stream would have made its partial only behind a whole one
  EXPECT_THROW(asked({kOne, 5}), Corruption);
}

TEST_F(WalDeliveryTest, DeliversABackupHistoryFile) {
  const std::string name = "000000010000000000000005.00000028.backup";
  EXPECT_EQ(asked(name), std::nullopt);
  io::write_file_durably(layout_.backup_history(name), io::as_bytes("START"));
  EXPECT_EQ(asked(name)->size(), 5u);
}

TEST_F(WalDeliveryTest, HasNothingOfWhatWasNotReceived) {
  received({kOne, 6}, 0);
  EXPECT_EQ(asked({kOne, 6}), std::nullopt);
  EXPECT_EQ(asked({kOne, 7}), std::nullopt);
  EXPECT_EQ(asked("00000002.history"), std::nullopt);
}

TEST_F(WalDeliveryTest, DeliversAWholePartialWithWalBehindIt) {
  received({kOne, 6}, kBytes);
  for (const bool next_is_archived : {false, true}) {
    if (next_is_archived) {
      archived({kOne, 7});
    } else {
      received({kOne, 7}, 20000);
    }
    EXPECT_EQ(asked({kOne, 6}), test::sample_wal({kOne, 6}));
  }
}

TEST_F(WalDeliveryTest, DeliversAWholePartialPastAForkThatItsTimelineOutlived) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kOne, 6}, kBytes);
  received({kOne, 7}, 20000);
  EXPECT_EQ(asked({kOne, 6}), test::sample_wal({kOne, 6}));
}

TEST_F(WalDeliveryTest, ThrowsForAnIncompletePartialWithWalBehindIt) {
  received({kOne, 6}, 20000);
  archived({kOne, 7});
  EXPECT_THROW(asked({kOne, 6}), Corruption);
  received({kOne, 6}, 0);
  EXPECT_THROW(asked({kOne, 6}), Corruption);
}

TEST_F(WalDeliveryTest, ThrowsForAHole) {
  archived({kOne, 4});
  archived({kOne, 7});
  EXPECT_THROW(asked({kOne, 5}), Corruption);
  EXPECT_EQ(asked({kOne, 8}), std::nullopt);
}

TEST_F(WalDeliveryTest, ThrowsForAHoleBeforeTheForkOfALaterTimeline) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  archived({kOne, 4});
  received({kTwo, 7}, 20000);
  EXPECT_THROW(asked({kOne, 5}), Corruption);
  EXPECT_THROW(asked({kTwo, 6}), Corruption);
}

TEST_F(WalDeliveryTest, HasNothingOfATimelineBeforeItBegan) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  archived({kOne, 5});
  received({kTwo, 6}, 20000);
  EXPECT_EQ(asked({kTwo, 5}), std::nullopt);
  EXPECT_EQ(asked({kOne, 6}), std::nullopt);  // the newer file has its bytes
}

TEST_F(WalDeliveryTest, DeliversTheOldTimelinesEndWhenTheNewOneHasTheSegment) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kOne, 6}, kBytes);
  received({kTwo, 6}, 20000);
  EXPECT_EQ(asked({kOne, 6}), test::sample_wal({kOne, 6}));
}

TEST_F(WalDeliveryTest, LosesNothingToAHistoryThatNoWalOfTheServerStandsOn) {
  received({kOne, 6}, kBytes - 100);
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);  // pushed by a copy that was promoted
  EXPECT_EQ(asked({kOne, 6}), first_bytes({kOne, 6}, kBytes - 100));
}

TEST_F(WalDeliveryTest, CutsTheOldTimelineAtTheForkWhenTheNewOneLacksTheSegment) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kOne, 6}, kBytes);
  received({kTwo, 7}, 1000);
  EXPECT_EQ(asked({kOne, 6}), first_bytes({kOne, 6}, kBytes / 2));
}

TEST_F(WalDeliveryTest, DeliversTheAncestorsBytesUpToTheForkWhileTheNewTimelinesCopyOfThemIsShorter) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  const auto up_to_fork = first_bytes({kOne, 6}, kBytes / 2);
  received({kOne, 6}, kBytes);
  EXPECT_EQ(asked({kTwo, 6}), up_to_fork);  // nothing of it has come
  for (const std::size_t copied : {0, 20000}) {
    received({kTwo, 6}, copied);
    EXPECT_EQ(asked({kTwo, 6}), up_to_fork) << copied;
  }
  archived({kOne, 6});
  EXPECT_EQ(asked({kTwo, 6}), up_to_fork);
}

TEST_F(WalDeliveryTest, DeliversTheAncestorThatHasMostOfTheLine) {
  constexpr TimelineId kThree(3);
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  catalog::WalArchiveWriter(archive_).store_history(
      kThree, std::string(kHistoryTwo) + "2\t0/6C0000\tno recovery target specified\n");
  received({kOne, 6}, kBytes);
  received({kTwo, 6}, 20000);
  EXPECT_EQ(asked({kThree, 6}), first_bytes({kOne, 6}, kBytes / 2));
  received({kTwo, 6}, kBytes);
  EXPECT_EQ(asked({kThree, 6}), first_bytes({kTwo, 6}, kBytes * 3 / 4));
}

TEST_F(WalDeliveryTest, DeliversTheNewTimelinesFileOnceItReachesTheFork) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  received({kOne, 6}, kBytes);
  received({kTwo, 6}, kBytes / 2 + 20000);
  EXPECT_EQ(asked({kTwo, 6}), first_bytes({kTwo, 6}, kBytes / 2 + 20000));
}

TEST_F(WalDeliveryTest, DeliversHistories) {
  catalog::WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  const auto history = asked("00000002.history");
  ASSERT_TRUE(history);
  EXPECT_EQ(io::as_text(*history), kHistoryTwo);
}

TEST_F(WalDeliveryTest, KnowsNoOtherNames) {
  archived({kOne, 5});
  for (const std::string name :
       {"", "x", "000000010000000000000005.partial", "000000010000000000000005.00000028.backup",
        "../000000010000000000000005", "00000001000000000000000g", "000000010000000000001000"})
    EXPECT_EQ(asked(name), std::nullopt) << name;
}

TEST_F(WalDeliveryTest, ThrowsWhenTheSegmentIsDamaged) {
  archived({kOne, 5});
  const auto path = layout_.archived({kOne, 5}, size_);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  io::MemorySink out;
  EXPECT_THROW(deliver_wal(archive_, WalSegment{kOne, 5}.name(size_), out), Corruption);
}

TEST_F(WalDeliveryTest, BlanksAPlannedSegmentBehindTheFork) {
  archived({kOne, 5});
  received({kOne, 6}, kBytes);
  // One on a border of what is read at once, one not.
  for (const std::uint64_t kept : {std::uint64_t{kBytes} / 2, std::uint64_t{300'001}}) {
    for (const std::uint64_t number : {5, 6}) {
      const WalSegment segment{kOne, number};
      io::MemorySink out;
      deliver_planned(archive_,
                      {.segment = segment, .partial = number == 6, .fork = segment.begin(size_) + kept}, out);
      EXPECT_EQ(out.bytes(), first_bytes(segment, kept)) << number;
    }
  }
}

TEST_F(WalDeliveryTest, FindsAPlannedPartialAlsoOnceItIsArchived) {
  archived({kOne, 5});
  io::MemorySink out;
  deliver_planned(archive_, {.segment = {kOne, 5}, .partial = true}, out);
  EXPECT_EQ(out.bytes(), test::sample_wal({kOne, 5}));
  EXPECT_THROW(deliver_planned(archive_, {.segment = {kOne, 6}, .partial = true}, out), Corruption);
}

}  // namespace
}  // namespace pgkeep::recover
