#include "catalog/index/recovery_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/held_builder.h"
#include "tests/support/segment_rows.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMiB = test::kSampleSegmentBytes;
const io::TimePoint kNoon = io::parse_rfc3339("2026-11-20T12:00:00Z").value();

io::TimePoint at(int minute) {
  return kNoon + std::chrono::minutes(minute);
}

store::BackupRecord backup(std::uint64_t first, std::uint64_t last, int minute, std::uint32_t timeline = 1) {
  store::BackupRecord record{store::BackupId(at(minute))};
  record.start = {TimelineId(timeline), Lsn(first * kMiB + kMiB / 2)};
  record.end = {TimelineId(timeline), Lsn(last * kMiB + kMiB / 2)};
  record.started = record.ended = at(minute);
  return record;
}

/// Segments whose number is the minute of their last commit.
class RecoveryWindowTest : public testing::Test {
 protected:
  void wal(std::uint64_t first, std::uint64_t last, std::uint32_t timeline = 1) {
    held_.segments(TimelineId(timeline), first, last);
    for (auto number = first; number <= last; ++number)
      committed({TimelineId(timeline), number}, static_cast<int>(number));
  }
  void partial(double end, std::optional<int> minute, std::uint32_t timeline = 1) {
    held_.partial(TimelineId(timeline), end);
    if (minute) committed({TimelineId(timeline), static_cast<std::uint64_t>(end)}, *minute);
  }
  void committed(const WalSegment& segment, int minute) { commits_[segment].add(at(minute)); }
  void minimal(double begin, double end, std::uint32_t timeline = 1) {
    held_.recorded({kNoon, EventKind::minimal_wal, "minimal", test::range(TimelineId(timeline), begin, end)});
  }
  std::optional<RecoveryWindow> window() const {
    std::vector<SegmentRow> rows;
    for (const auto& segment : held_.names.segments)
      if (const auto known = commits_.find(segment); known != commits_.end())
        rows.push_back({.segment = segment,
                        .begin = {},
                        .end = {},
                        .first_time = {},
                        .last_time = {},
                        .commits = known->second});
    test::ListedSegments archived(std::move(rows));
    return examine_recovery_window(backups_, held_.wal(), archived, commits_, held_.events);
  }

  std::vector<store::BackupRecord> backups_;
  test::Held held_;
  std::map<WalSegment, CommitTimes> commits_;
};

TEST_F(RecoveryWindowTest, IsNothingWithoutWal) {
  backups_ = {backup(3, 4, 10)};
  EXPECT_FALSE(window());
}

TEST_F(RecoveryWindowTest, GoesFromTheOldestBackupToTheNewestCommit) {
  backups_ = {backup(3, 4, 4), backup(8, 9, 9)};
  wal(3, 11);
  partial(12.25, 30);
  const auto found = window().value();
  EXPECT_EQ(found.end, Lsn(12 * kMiB + kMiB / 4));
  ASSERT_THAT(found.backups, SizeIs(2));
  EXPECT_EQ(found.oldest_to_the_end()->from, at(4));
  EXPECT_EQ(found.oldest_to_the_end()->until, at(30));
  EXPECT_EQ(found.newest()->from, at(9));
  EXPECT_EQ(found.newest()->until, at(30));
}

TEST_F(RecoveryWindowTest, ReachesTheCommitBeforeTheNewestBackupAlsoWhileThereIsNoneSince) {
  backups_ = {backup(3, 4, 4), backup(10, 10, 20)};
  wal(3, 9);
  partial(11, {});
  held_.segments(TimelineId(1), 10, 10);
  EXPECT_EQ(window()->newest()->until, std::nullopt);
  EXPECT_EQ(window()->until(), at(9));
}

TEST_F(RecoveryWindowTest, DoesNotReachACommitOnlyBehindAGap) {
  backups_ = {backup(3, 4, 4), backup(10, 10, 20)};
  wal(3, 7);
  held_.segments(TimelineId(1), 10, 10);
  EXPECT_EQ(window()->until(), std::nullopt);
}

TEST_F(RecoveryWindowTest, EndsForOlderBackupsWhereWalOfWalLevelMinimalBegins) {
  backups_ = {backup(3, 4, 4), backup(8, 9, 9)};
  wal(3, 11);
  minimal(6.25, 7);
  const auto found = window().value();
  ASSERT_THAT(found.backups, SizeIs(2));
  EXPECT_EQ(found.backups[0].end, test::at(6.25));
  EXPECT_EQ(found.backups[0].until, at(5));
  EXPECT_EQ(found.oldest_to_the_end()->backup, found.newest()->backup);
}

TEST_F(RecoveryWindowTest, TakesTheNewestCommitWhereverItLies) {
  backups_ = {backup(3, 4, 4)};
  wal(3, 11);
  partial(12.25, {});
  committed({TimelineId(1), 7}, 50);  // the server's clock was set back afterwards
  EXPECT_EQ(window()->newest()->until, at(50));
}

TEST_F(RecoveryWindowTest, EndsAtAHoleForTheBackupsBeforeIt) {
  backups_ = {backup(3, 4, 4), backup(5, 8, 8), backup(8, 9, 9)};
  wal(3, 6);
  wal(8, 11);
  const auto found = window().value();
  ASSERT_THAT(found.backups, SizeIs(2)) << "the second cannot be made consistent";
  EXPECT_EQ(found.backups[0].end, Lsn(7 * kMiB));
  EXPECT_EQ(found.backups[0].until, at(6));
  EXPECT_EQ(found.oldest_to_the_end()->backup, backups_[2].id);
}

TEST_F(RecoveryWindowTest, HasNoBackupToTheEndWhenTheHoleIsBehindAllOfThem) {
  backups_ = {backup(3, 4, 4)};
  wal(3, 6);
  wal(8, 11);
  EXPECT_EQ(window()->oldest_to_the_end(), nullptr);
  EXPECT_EQ(window()->newest()->until, at(6));
  EXPECT_EQ(window()->end, Lsn(12 * kMiB));
}

TEST_F(RecoveryWindowTest, FollowsTheNewestTimelineThroughTheFork) {
  backups_ = {backup(3, 4, 4), backup(9, 10, 10)};
  wal(3, 20);    // the old primary went on alone
  wal(6, 8, 2);  // 6 begins with a copy of what was before the fork
  held_.history(TimelineId(2), test::left(TimelineId(1), 6.5));
  const auto found = window().value();
  EXPECT_EQ(found.timeline, TimelineId(2));
  ASSERT_THAT(found.backups, SizeIs(1)) << "the second was taken behind the fork";
  EXPECT_EQ(found.newest()->end, Lsn(9 * kMiB));
  EXPECT_EQ(found.newest()->until, at(8));
}

TEST_F(RecoveryWindowTest, DoesNotCountCommitsBehindAForkOfWhichNothingElseIsHeld) {
  backups_ = {backup(3, 4, 4)};
  wal(3, 8);
  partial(6, {}, 2);  // nothing received
  held_.history(TimelineId(2), test::left(TimelineId(1), 6.5));
  EXPECT_EQ(window()->newest()->end, Lsn(6 * kMiB + kMiB / 2));
  EXPECT_EQ(window()->newest()->until, at(5));
}

TEST_F(RecoveryWindowTest, HasNoTimeWhenNothingWasCommitted) {
  backups_ = {backup(3, 4, 4)};
  wal(3, 5);
  commits_.clear();
  const auto found = window();
  ASSERT_TRUE(found && found->newest() != nullptr);
  EXPECT_FALSE(found->newest()->until.has_value());
}

// Timeline 2 left 1 within the segment in which that had begun to write with wal_level = minimal.
TEST_F(RecoveryWindowTest, EndsAtWalOfWalLevelMinimalAlsoWhereTheNextTimelinesFileHasIt) {
  backups_ = {backup(3, 4, 4)};
  wal(3, 5);
  wal(6, 8, 2);
  held_.history(TimelineId(2), test::left(TimelineId(1), 6.5));
  minimal(6.25, 6.5);
  EXPECT_EQ(window()->newest()->end, test::at(6.25));
  EXPECT_EQ(window()->newest()->until, at(5));
}

TEST_F(RecoveryWindowTest, GoesOnAfterASegmentThatIsWholeAndNotArchivedYet) {
  backups_ = {backup(3, 4, 4)};
  wal(3, 5);
  held_.switched_partial(TimelineId(1), 6.25);
  committed({TimelineId(1), 6}, 6);
  partial(7.5, 7);
  EXPECT_EQ(window()->oldest_to_the_end()->until, at(7));
}

TEST(ReadRecoveryWindowTest, IsOfTheIndexAndThePartial) {
  const test::TempDirectory directory;
  const store::ServerLayout layout(directory / "main");
  const auto size = test::sample_segment_size();
  WalArchive archive(layout, {test::kSampleSystem, test::kSampleMajor, size, 8192});
  io::make_directories(layout.wal_streaming());
  auto index = ServerCatalog::open(layout);
  std::vector<store::BackupRecord> backups;
  const auto window = [&] {
    const auto held = HeldWal::read(archive);
    std::vector<std::string> unreadable;
    const auto& segments = held.names().segments;
    IndexedSegments archived(index, archive, segments, index.known_of(segments), unreadable);
    return examine_recovery_window(backups, held, archived, read_partial_commits(archive, held), {});
  };
  EXPECT_FALSE(window());

  backups.push_back(backup(5, 5, 1));
  test::WalBuilder wal(Lsn(5 * kMiB));
  wal.commit(at(5));
  wal.switch_wal();
  wal.commit(at(6));
  const WalSegment first{TimelineId(1), 5};
  io::write_file_durably(layout.partial(first, size), wal.segment(0));
  auto partial = PartialSegment::open(layout, first, size);
  index.add_segment(describe_segment(
      layout, WalArchiveWriter(archive).store_segment(partial, TimelineHistory(TimelineId(1)), 1)));
  EXPECT_EQ(window()->newest()->until, at(5));
  io::write_file_durably(layout.partial(first.next(), size), wal.segment(1));
  EXPECT_EQ(window()->newest()->until, at(6));
}

}  // namespace
}  // namespace pgkeep::catalog
