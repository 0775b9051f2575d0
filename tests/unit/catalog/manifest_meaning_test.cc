#include "catalog/manifest_meaning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
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
constexpr Lsn kEnd{0x300'1000};

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
  std::vector<std::string> found() const { return contradictions(manifest_, record_); }

  store::BackupRecord record_{store::BackupId(io::now())};
  postgres::ManifestSummary manifest_;
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
  record_.end = {kTwo, kEnd};
  manifest_.wal_ranges = {{kTwo, kSwitch, kEnd}, {kOne, kStart, kSwitch}};
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
  record_.end = {kThree, kEnd};
  manifest_.wal_ranges = {{kThree, kSwitch + 8, kEnd}, {kOne, kStart, kSwitch}};
  EXPECT_THAT(found(), ElementsAre(HasSubstr("goes from 0/3000800 on timeline 1 to 0/3000808")));
}

}  // namespace
}  // namespace pgkeep::catalog
