#include "catalog/wal/received_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using postgres::WalSegment;
using testing::HasSubstr;
using testing::Optional;

constexpr WalSegment kFive{TimelineId(1), 5};
const Lsn kBegin(5 * test::kSampleSegmentBytes);

/// A segment of which some records were received.
class ReceivedRecordsTest : public testing::Test {
 protected:
  ReceivedRecordsTest() { layout_.make(); }
  void received(const io::ByteVector& bytes) { io::write_file_durably(layout_.partial(kFive, size_), bytes); }
  ReceivedRecords check() { return check_received_records(archive_, kFive, archive_.partial_end(kFive)); }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
};

TEST_F(ReceivedRecordsTest, AreWholeUpToWhereTheBytesEnd) {
  test::WalBuilder wal(kBegin);
  wal.other(20'000);
  wal.other(200);
  const auto end = wal.position();
  received(wal.segment(0));
  EXPECT_EQ(check().damage, std::nullopt);
  EXPECT_EQ(check().end, end);
}

TEST_F(ReceivedRecordsTest, MayEndInARecordWhereverItIsCut) {
  test::WalBuilder wal(kBegin);
  const auto last = [&] {
    wal.other(3000);
    return wal.other(20'000);
  }();
  const auto whole = wal.segment(0);
  for (auto cut = last - kBegin + 8; cut < wal.position() - kBegin; cut += 184) {
    auto bytes = whole;
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(cut), bytes.end(), std::byte{0});
    received(bytes);
    EXPECT_EQ(check().damage, std::nullopt) << cut;
    EXPECT_EQ(check().end, last) << cut;
  }
}

TEST_F(ReceivedRecordsTest, AreDamagedByAFlippedBitBeforeTheEnd) {
  test::WalBuilder wal(kBegin);
  wal.other(3000);
  const auto damaged = wal.other(20'000);
  wal.other(100);
  for (const std::size_t at : {0, 2, 9, 17, 30, 5000, 19'000}) {
    auto bytes = wal.segment(0);
    bytes[damaged - kBegin + at] ^= std::byte{4};
    received(bytes);
    EXPECT_THAT(check().damage, Optional(HasSubstr(layout_.partial(kFive, size_).native()))) << at;
    EXPECT_EQ(check().end, damaged) << at;
  }
}

TEST_F(ReceivedRecordsTest, AreDamagedWhenALengthReachesBeyondTheEndThoughOthersFollow) {
  test::WalBuilder wal(kBegin);
  wal.other(64);
  const auto damaged = wal.other(100);
  wal.other(120);
  auto bytes = wal.segment(0);
  bytes[damaged - kBegin + 1] ^= std::byte{0x40};  // 16 KiB more
  received(bytes);
  EXPECT_THAT(check().damage, Optional(HasSubstr("others follow it")));
  EXPECT_EQ(check().end, damaged);
}

TEST_F(ReceivedRecordsTest, AreDamagedWhenTheyDoNotContinueTheArchivedSegmentBefore) {
  const WalSegment four{TimelineId(1), 4};
  auto partial = PartialSegment::open(layout_, four, size_);
  partial.write(test::sample_wal(four), {});
  WalArchiveWriter(archive_).store_segment(partial, postgres::TimelineHistory(TimelineId(1)), 1);
  received(test::sample_wal(kFive));
  EXPECT_EQ(check().damage, std::nullopt);
  received(test::sample_wal(kFive, 0, Lsn(test::last_sample_record(four).value() - 8)));
  EXPECT_THAT(check().damage, Optional(HasSubstr("the one before it begins at")));
  EXPECT_EQ(check().end, kBegin);
}

}  // namespace
}  // namespace pgkeep::catalog
