#include "catalog/verify/manifest_meaning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr TimelineId kThree{3};
constexpr Lsn kStart{0x300'0028};
constexpr Lsn kSwitch{0x300'0800};
constexpr Lsn kSecondSwitch{0x300'0C00};
constexpr Lsn kEnd{0x300'1000};
const auto kLineOfTwo = TimelineHistory::parse(kTwo, "1\t0/3000800\tpromoted\n");
const auto kLineOfThree = TimelineHistory::parse(kThree, "1\t0/3000800\tpromoted\n2\t0/3000C00\tpromoted\n");

/// A backup and its manifest as a server of version 18 sends them, which agree until a test changes one.
class ManifestMeaningTest : public ::testing::Test {
 protected:
  ManifestMeaningTest() {
    record_.system = postgres::SystemIdentifier(7400000000000000001);
    record_.major_version = 18;
    record_.start = {kOne, kStart};
    record_.end = {kOne, kEnd};
    manifest_.version = 2;
    manifest_.system = record_.system;
    manifest_.wal_ranges = {{kOne, kStart, kEnd}};
  }
  std::vector<std::string> found() const { return contradictions(manifest_, record_, line_); }
  /// The backup went on along the timelines of that history, to the end of which it came.
  void passes(const postgres::TimelineHistory& line, std::vector<postgres::ManifestWalRange> ranges) {
    line_ = line;
    record_.end = {line.timeline(), kEnd};
    manifest_.wal_ranges = std::move(ranges);
  }

  store::BackupRecord record_{store::BackupId(io::now())};
  postgres::ManifestSummary manifest_;
  std::optional<TimelineHistory> line_{TimelineHistory(kOne)};
};

TEST_F(ManifestMeaningTest, AgreesWithItsBackup) {
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(ManifestMeaningTest, SaysNothingOfTheSystemBefore17) {
  manifest_.version = 1;
  manifest_.system.reset();
  EXPECT_THAT(found(), ElementsAre(HasSubstr("has version 1, that of PostgreSQL 18 has version 2")));
  record_.major_version = 16;
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(ManifestMeaningTest, CannotBeOfAVersionThatTheServerDoesNotWrite) {
  record_.major_version = 16;
  EXPECT_THAT(found(), ElementsAre(HasSubstr("has version 2, that of PostgreSQL 16 has version 1")));
}

TEST_F(ManifestMeaningTest, HasTheRangesOfAllTimelinesOfTheBackupNewestFirst) {
  passes(kLineOfTwo, {{kTwo, kSwitch, kEnd}, {kOne, kStart, kSwitch}});
  EXPECT_THAT(found(), IsEmpty());
  passes(kLineOfThree,
         {{kThree, kSecondSwitch, kEnd}, {kTwo, kSwitch, kSecondSwitch}, {kOne, kStart, kSwitch}});
  EXPECT_THAT(found(), IsEmpty());
}

// A server that was restored to a point before an earlier switch never was on 2 with what counts.
TEST_F(ManifestMeaningTest, MayHaveSwitchPointsThatFall) {
  passes(TimelineHistory::parse(kThree, "1\t0/3000C00\tleft\n2\t0/3000800\tleft\n"),
         {{kThree, kSwitch, kEnd}, {kTwo, kSecondSwitch, kSwitch}, {kOne, kStart, kSecondSwitch}});
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(ManifestMeaningTest, SaysNothingOfATimelineThatWasLeftBefore) {
  passes(TimelineHistory::parse(kTwo, "1\t0/3000010\tleft\n"), {{kTwo, kStart, kEnd}});
  record_.start = {kTwo, kStart};
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(ManifestMeaningTest, CannotBeOfAnotherSystem) {
  manifest_.system = postgres::SystemIdentifier(7400000000000000002);
  EXPECT_THAT(found(), ElementsAre(AllOf(HasSubstr("0002"), HasSubstr("0001"))));
}

TEST_F(ManifestMeaningTest, CannotBeginOrEndElsewhere) {
  manifest_.wal_ranges = {{kOne, kSwitch, kEnd}};
  EXPECT_THAT(found(), ElementsAre(HasSubstr("begins at 0/3000800 on timeline 1")));
  manifest_.wal_ranges = {{kOne, kStart, kSwitch}};
  EXPECT_THAT(found(), ElementsAre(HasSubstr("ends at 0/3000800 on timeline 1")));
  manifest_.wal_ranges = {};
  EXPECT_THAT(found(), SizeIs(1));
}

TEST_F(ManifestMeaningTest, CannotBeOfAnotherTimeline) {
  manifest_.wal_ranges = {{kTwo, kStart, kEnd}};
  EXPECT_THAT(found(), SizeIs(2));
}

TEST_F(ManifestMeaningTest, CannotLeaveWalOut) {
  passes(kLineOfTwo, {{kTwo, kSwitch + 8, kEnd}, {kOne, kStart, kSwitch}});
  EXPECT_THAT(found(), ElementsAre(AllOf(HasSubstr("has 0/3000808 to 0/3001000 of timeline 2 where"),
                                         HasSubstr("has 0/3000800 to 0/3001000 of timeline 2"))));
}

TEST_F(ManifestMeaningTest, CannotLeaveATimelineOut) {
  passes(kLineOfThree, {{kThree, kSwitch, kEnd}, {kOne, kStart, kSwitch}});
  EXPECT_THAT(found(), ElementsAre(HasSubstr("of timeline 3 where by the history of timeline 3")));
}

TEST_F(ManifestMeaningTest, CannotNameATimelineThatTheBackupWasNotOn) {
  manifest_.wal_ranges = {{kOne, kSwitch, kEnd}, {kOne, kStart, kSwitch}};
  EXPECT_THAT(found(), SizeIs(1));
}

// Who changes a switch point on the way changes it in both ranges that meet there.
TEST_F(ManifestMeaningTest, CannotPassToTheNextTimelineElsewhere) {
  passes(kLineOfTwo, {{kTwo, kSwitch + 8, kEnd}, {kOne, kStart, kSwitch + 8}});
  EXPECT_THAT(found(), ElementsAre(HasSubstr("0/3000808 to 0/3001000 of timeline 2 where by the history")));
  line_.reset();  // then it cannot be told
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(ManifestMeaningTest, CannotBeginOnATimelineThatIsNotInTheHistory) {
  passes(TimelineHistory::parse(kThree, "2\t0/3000800\tleft\n"),
         {{kThree, kSwitch, kEnd}, {kOne, kStart, kSwitch}});
  EXPECT_THAT(found(), SizeIs(1));
}

}  // namespace
}  // namespace pgkeep::catalog
