#include "streaming/receive/cut_record.h"

#include <gtest/gtest.h>

#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using postgres::WalSegment;

constexpr TimelineId kOne(1);
constexpr WalSegment kFive{kOne, 5};
constexpr WalSegment kSix{kOne, 6};
constexpr Lsn kSixBegins(6 * test::kSampleSegmentBytes);
constexpr std::size_t kRecord = 300;  // bytes
constexpr std::size_t kInFive = 64;   // of them
constexpr Lsn kFork(kSixBegins.value() - kInFive);
constexpr std::size_t kLongPageHeader = 40;

/// A record that begins shortly before the end of segment 5 and goes on in segment 6.
class CutRecordTest : public testing::Test {
 protected:
  CutRecordTest() {
    layout_.make();
    io::store_le<std::uint32_t>(record_.data(), kRecord);
    const auto bytes = io::ByteView(record_);
    io::store_le(record_.data() + 20, io::crc32c(bytes.first(20), io::crc32c(bytes.subspan(24))));
  }
  /// Segment 5, archived unless its WAL ends at the fork.
  void have_five(io::ByteView end) {
    auto wal = test::sample_wal(kFive);
    const auto last = test::last_sample_record(kFive) - kFive.begin(test::sample_segment_size());
    const auto previous = io::load_le<std::uint64_t>(wal.data() + last + postgres::kWalRecordPreviousAt);
    std::ranges::copy(end, wal.end() - static_cast<std::ptrdiff_t>(end.size()));
    test::seal_sample_record(wal, last, wal.size() - end.size(), previous, 10, 0);
    auto partial = catalog::PartialSegment::open(layout_, kFive, test::sample_segment_size());
    partial.write(wal, {});
    partial.flush();
    if (!io::all_zero(end))
      catalog::WalArchiveWriter(archive_).store_segment(partial, postgres::TimelineHistory(kOne), 1);
  }
  /// Segment 6: its first page's header, `body`, and zeroes.
  void have_six(io::ByteView body) {
    auto wal = test::sample_wal(kSix);
    auto partial = catalog::PartialSegment::open(layout_, kSix, test::sample_segment_size());
    partial.write(io::ByteView(wal).first(kLongPageHeader), {});
    partial.write(body, {});
    partial.flush();
  }
  io::ByteView in_five() const { return io::ByteView(record_).first(kInFive); }
  io::ByteView in_six() const { return io::ByteView(record_).subspan(kInFive); }
  bool only_cut(Lsn fork = kFork) const {
    const auto held = catalog::HeldWal::read(archive_);
    return only_a_cut_record_follows(archive_, {kOne, fork}, held.last_of(kOne).value());
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  catalog::WalArchive archive_{layout_,
                               {test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192}};
  io::ByteVector record_ = io::ByteVector(kRecord, std::byte{7});
};

TEST_F(CutRecordTest, IsCutWhenNothingOfTheNextSegmentCame) {
  have_five(in_five());
  EXPECT_TRUE(only_cut());
}

TEST_F(CutRecordTest, IsCutWhenTheNextSegmentIsEmpty) {
  have_five(in_five());
  catalog::PartialSegment::open(layout_, kSix, test::sample_segment_size());
  EXPECT_TRUE(only_cut());
}

TEST_F(CutRecordTest, IsCutWhenOnlySomeOfItsRestCame) {
  have_five(in_five());
  have_six(in_six().first(100));
  EXPECT_TRUE(only_cut());
}

TEST_F(CutRecordTest, IsNotCutWhenItIsWhole) {
  have_five(in_five());
  have_six(in_six());
  EXPECT_FALSE(only_cut());
}

TEST_F(CutRecordTest, IsNotCutWhenItIsWholeAndEndsInZeroes) {
  std::fill(record_.begin() + 100, record_.end(), std::byte{0});
  const auto bytes = io::ByteView(record_);
  io::store_le(record_.data() + 20, io::crc32c(bytes.first(20), io::crc32c(bytes.subspan(24))));
  have_five(in_five());
  have_six(in_six());
  EXPECT_FALSE(only_cut());
}

TEST_F(CutRecordTest, IsNotCutWhenMoreThanItCame) {
  have_five(in_five());
  record_.back() = std::byte{8};  // damaged, with other records behind it
  record_.resize(kRecord + 500, std::byte{9});
  have_six(in_six());
  EXPECT_FALSE(only_cut());
}

TEST_F(CutRecordTest, NothingIsBehindTheForkButZeroes) {
  have_five(io::ByteVector(kInFive));
  have_six({});
  EXPECT_TRUE(only_cut());
}

TEST_F(CutRecordTest, IsNotCutWhenOtherBytesFollowZeroes) {
  have_five(io::ByteVector(kInFive));
  have_six(in_six());
  EXPECT_FALSE(only_cut());
}

TEST_F(CutRecordTest, KnowsNothingOfASegmentThatIsNotHere) {
  have_six(in_six());
  EXPECT_FALSE(only_cut());
}

TEST_F(CutRecordTest, BelievesNoForkWhereNoRecordCanBegin) {
  have_five(in_five());
  EXPECT_FALSE(only_cut(Lsn(kFork.value() + 4)));
}

}  // namespace
}  // namespace pgkeep::streaming
