#include "catalog/wal/commit_times.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/wal/wal_archive.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::catalog {
namespace {

using namespace std::chrono_literals;
using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using test::WalBuilder;
using testing::ElementsAre;
using testing::Optional;

constexpr TimelineId kOne(1);
constexpr std::uint64_t kMiB = test::kSampleSegmentBytes;
const Lsn kBegin(5 * kMiB);
const WalSegment kFive{kOne, 5};
const io::TimePoint kNoon = io::parse_rfc3339("2026-11-20T12:00:00Z").value();

CommitTimes times(io::TimePoint earliest, io::TimePoint latest) {
  return {.known = true, .earliest = earliest, .latest = latest};
}

class CommitTimesTest : public testing::Test {
 protected:
  void receive(const WalSegment& segment, const io::ByteVector& plain) {
    io::write_file_durably(layout_.partial(segment, size_), plain);
  }
  SegmentFileHeader archive(const WalSegment& segment, const io::ByteVector& plain) {
    receive(segment, plain);
    auto partial = PartialSegment::open(layout_, segment, size_);
    return WalArchiveWriter(archive_).store_segment(partial, TimelineHistory(kOne), 1);
  }
  std::optional<CommitTimes> of_partial(const WalSegment& segment) {
    const auto contents = read_wal_contents(archive_, segment, archive_.partial_end(segment));
    return contents ? std::optional(contents->commits) : std::nullopt;
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};

  void SetUp() override { io::make_directories(layout_.wal_streaming()); }
};

TEST_F(CommitTimesTest, StandInTheHeaderOfAnArchivedSegment) {
  WalBuilder wal(kBegin);
  wal.commit(kNoon);
  wal.abort(kNoon + 5s);
  wal.restore_point("later, and no end of a transaction", kNoon + 9s);
  wal.commit(kNoon - 2s);
  wal.switch_wal();
  EXPECT_EQ(archive(kFive, wal.segment(0)).commits, times(kNoon - 2s, kNoon + 5s));
  EXPECT_EQ(archive_.open_segment(kFive)->header().commits, times(kNoon - 2s, kNoon + 5s));
}

TEST_F(CommitTimesTest, OfASegmentWithoutAnyAreKnownToBeNone) {
  WalBuilder wal(kBegin);
  wal.other(1000);
  wal.switch_wal();
  EXPECT_EQ(archive(kFive, wal.segment(0)).commits, CommitTimes{.known = true});
}

TEST_F(CommitTimesTest, AreNotKnownOfASoundRecordWithAnUnknownFormAndTheSegmentIsArchivedAllTheSame) {
  WalBuilder wal(kBegin);
  wal.add(1, 0x00, io::ByteVector(20, std::byte{1}));
  wal.switch_wal();
  const auto header = archive(kFive, wal.segment(0));
  EXPECT_FALSE(header.commits.known);
  EXPECT_FALSE(header.notes.complete);
}

TEST_F(CommitTimesTest, OfACommitThatGoesOnInTheNextSegmentAreInThatOnesHeader) {
  WalBuilder wal(kBegin);
  wal.commit(kNoon);
  wal.fill_to(Lsn(kBegin.value() + kMiB - 16));
  wal.commit(kNoon + 1s);
  wal.commit(kNoon + 2s);
  wal.switch_wal();
  EXPECT_EQ(archive(kFive, wal.segment(0)).commits, times(kNoon, kNoon));
  EXPECT_EQ(archive(kFive.next(), wal.segment(1)).commits, times(kNoon + 1s, kNoon + 2s));
}

TEST_F(CommitTimesTest, OfThePartialCountTheCommitThatBeganInTheSegmentBefore) {
  WalBuilder wal(kBegin);
  wal.commit(kNoon);
  wal.fill_to(Lsn(kBegin.value() + kMiB - 16));
  wal.commit(kNoon + 1s);
  receive(kFive.next(), wal.segment(1));
  EXPECT_EQ(of_partial(kFive.next()), CommitTimes{.known = true}) << "the segment before is not held";
  archive(kFive, wal.segment(0));
  EXPECT_EQ(of_partial(kFive.next()), times(kNoon + 1s, kNoon + 1s));
}

TEST_F(CommitTimesTest, OfThePartialCountBehindASegmentOfTheTimelineBefore) {
  WalBuilder wal(kBegin);
  wal.fill_to(Lsn(kBegin.value() + kMiB - 16));
  wal.commit(kNoon);
  archive(kFive, wal.segment(0));
  WalArchiveWriter(archive_).store_history(TimelineId(2), "1\t0/700000\tno recovery target specified\n");
  receive({TimelineId(2), 6}, wal.segment(1));
  EXPECT_EQ(of_partial({TimelineId(2), 6}), times(kNoon, kNoon));
}

TEST_F(CommitTimesTest, OfThePartialGoAsFarAsItsBytesDo) {
  WalBuilder wal(kBegin);
  wal.commit(kNoon);
  const auto end = wal.position();
  wal.other(20'000);
  wal.commit(kNoon + 1s);
  receive(kFive, wal.segment(0));
  EXPECT_EQ(of_partial(kFive), times(kNoon, kNoon + 1s));
  EXPECT_EQ(read_wal_contents(archive_, kFive, end)->commits, times(kNoon, kNoon));
  EXPECT_EQ(read_wal_contents(archive_, kFive, kBegin)->commits, CommitTimes{.known = true});
}

TEST_F(CommitTimesTest, OfAPartialThatIsGoneAreNothing) {
  EXPECT_EQ(of_partial(kFive), std::nullopt);
}

TEST_F(CommitTimesTest, ComeWithTheRestorePointsOfThePartial) {
  WalBuilder wal(kBegin);
  const auto lsn = wal.restore_point("before release", kNoon);
  receive(kFive, wal.segment(0));
  EXPECT_THAT(read_wal_contents(archive_, kFive, kFive.end(size_))->restore_points,
              ElementsAre(RestorePoint{"before release", kNoon, lsn}));
}

}  // namespace
}  // namespace pgkeep::catalog
