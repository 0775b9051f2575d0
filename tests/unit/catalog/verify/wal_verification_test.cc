#include "catalog/verify/wal_verification.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/verification_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::WalSegment;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHistoryTwo =
    "1\t0/580000\tno recovery target specified\n";  // in the middle of segment 5
constexpr Lsn kSwitch(0x580000);

class WalVerificationTest : public VerificationTest {
 protected:
  /// A backup from a standby that was promoted meanwhile.
  void take_backup_across_a_promotion() {
    WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
    end_ = {kTwo, kEnd.lsn};
    ranges_ = {{kTwo, kSwitch, kEnd.lsn}, {kOne, kStart.lsn, kSwitch}};
    take_backup(sound_content());
    std::filesystem::remove(archived_path(5));  // the old timeline's last segment never became whole
    std::filesystem::remove(archived_path(6));
    archived({kTwo, 5});
    archived({kTwo, 6});
  }
  std::string findings() { return text(verify_newest()); }
};

// ----------------------------------------------------------------------------------------------- what is
// needed

TEST(NeededWalTest, AreTheSegmentsFromStartToEnd) {
  store::BackupRecord record(store::BackupId::parse("20261120T020000Z").value());
  record.wal_segment_size = test::sample_segment_size();
  record.start = kStart;
  record.end = {kOne, Lsn(7 * kMiB)};  // an end at a border needs the segment before it
  EXPECT_THAT(needed_wal(record, TimelineHistory(kOne)),
              ElementsAre(NeededSegment{{kOne, 5}, Lsn(6 * kMiB)}, NeededSegment{{kOne, 6}, Lsn(7 * kMiB)}));
}

TEST(NeededWalTest, AreThoseOfTheRangesToo) {
  store::BackupRecord record(store::BackupId::parse("20261120T020000Z").value());
  record.wal_segment_size = test::sample_segment_size();
  record.start = kStart;
  record.end = {kOne, kStart.lsn + 8};
  record.wal_ranges = {{kOne, kStart.lsn, kStart.lsn + 80}};
  EXPECT_THAT(needed_wal(record, TimelineHistory(kOne)),
              ElementsAre(NeededSegment{{kOne, 5}, kStart.lsn + 80}));
}

TEST(NeededWalTest, FollowTheLineAcrossASwitch) {
  store::BackupRecord record(store::BackupId::parse("20261120T020000Z").value());
  record.wal_segment_size = test::sample_segment_size();
  record.start = kStart;
  record.end = {kTwo, kEnd.lsn};
  EXPECT_THAT(needed_wal(record, TimelineHistory::parse(kTwo, kHistoryTwo)),
              ElementsAre(NeededSegment{{kOne, 5}, kSwitch}, NeededSegment{{kTwo, 5}, Lsn(6 * kMiB)},
                          NeededSegment{{kTwo, 6}, kEnd.lsn}));
}

// ----------------------------------------------------------------------------------------------- segments

TEST_F(WalVerificationTest, AMissingSegmentIsNamed) {
  take_backup(sound_content());
  std::filesystem::remove(archived_path(6));
  EXPECT_THAT(
      findings(),
      HasSubstr("WAL segment 000000010000000000000006 is missing: this backup cannot be made consistent"));
}

TEST_F(WalVerificationTest, ASegmentThatIsNotNeededIsNotMissed) {
  take_backup(sound_content());
  std::filesystem::remove(archived_path(4));
  EXPECT_EQ(findings(), "");
}

TEST_F(WalVerificationTest, AFlippedByteOfASegmentIsFoundAndTheOthersStillChecked) {
  take_backup(sound_content());
  for (const std::uint64_t at : {std::uint64_t{12}, std::filesystem::file_size(archived_path(5)) / 2}) {
    flip(archived_path(5), at);
    EXPECT_THAT(findings(), HasSubstr("000000010000000000000005")) << at;
    EXPECT_EQ(verify_newest().findings.size(), 1u) << at;
    flip(archived_path(5), at);
  }
}

TEST_F(WalVerificationTest, ASegmentOfAnotherClusterIsFound) {
  take_backup(sound_content());
  auto wal = test::sample_wal({kOne, 5});
  io::store_le<std::uint64_t>(wal.data() + 24, 42);
  io::write_file_durably(directory_ / "plain", wal);
  write_segment_file(
      archived_path(5),
      {.segment = {kOne, 5}, .size = size_, .system = test::kSampleSystem, .first_time = {}, .last_time = {}},
      io::File::open_to_read(directory_ / "plain"), 1);
  EXPECT_THAT(findings(), HasSubstr("comes from system 42"));
}

TEST_F(WalVerificationTest, ABackupMayEndInTheSegmentBeingReceived) {
  take_backup(sound_content());
  std::filesystem::remove(archived_path(6));
  received({kOne, 6}, 0x100);
  EXPECT_EQ(findings(), "");
}

TEST_F(WalVerificationTest, ASegmentReceivedTooLittleOfIsFoundWithBothPositions) {
  take_backup(sound_content());
  std::filesystem::remove(archived_path(6));
  received({kOne, 6}, 0xF8);
  EXPECT_THAT(findings(), AllOf(HasSubstr("up to 0/6000F8 only"), HasSubstr("needed up to 0/600100")));
}

TEST_F(WalVerificationTest, ASegmentThatEndsWithAWalSwitchNeedNotBeArchivedYet) {
  take_backup(sound_content());
  std::filesystem::remove(archived_path(5));
  auto wal = test::sample_wal_with_switch({kOne, 5}, 40'000);
  test::put_sample_checkpoint(wal, {kOne, 5}, kStart.lsn, kStart);
  io::write_file_durably(layout_.partial({kOne, 5}, size_), wal);
  EXPECT_EQ(findings(), "");
}

TEST_F(WalVerificationTest, ABadPageOfTheSegmentBeingReceivedIsFound) {
  take_backup(sound_content());
  std::filesystem::remove(archived_path(6));
  received({kOne, 6}, 0x100);
  flip(layout_.partial({kOne, 6}, size_), 9);
  EXPECT_THAT(findings(), HasSubstr("page at 0/600000"));
}

// ----------------------------------------------------------------------------------------------- timelines

TEST_F(WalVerificationTest, TheNextTimelinesSegmentStandsForTheOneThatWasLeft) {
  take_backup_across_a_promotion();
  EXPECT_EQ(findings(), "");
}

TEST_F(WalVerificationTest, AMissingHistoryIsFound) {
  take_backup_across_a_promotion();
  io::remove_file(layout_.history(kTwo));
  EXPECT_THAT(findings(), HasSubstr("00000002.history is missing"));
}

TEST_F(WalVerificationTest, AMissingSegmentOfTheNewTimelineIsNotMadeUpForByTheOld) {
  take_backup_across_a_promotion();
  std::filesystem::remove(layout_.archived({kTwo, 6}, size_));
  archived({kOne, 6});
  EXPECT_THAT(findings(), HasSubstr("WAL segment 000000020000000000000006 is missing"));
}

// ----------------------------------------------------------------------------------------------- identity

TEST_F(WalVerificationTest, AnArchiveWithoutIdentityIsFound) {
  take_backup(sound_content());
  io::remove_file(layout_.identity());
  EXPECT_THAT(findings(), HasSubstr("identity.json is missing"));
}

TEST_F(WalVerificationTest, AnArchiveOfAnotherClusterIsFound) {
  take_backup(sound_content());
  io::remove_file(layout_.identity());
  auto other = archive_.identity();
  other.system = postgres::SystemIdentifier(42);
  confirm_identity(layout_, other);
  EXPECT_THAT(findings(), HasSubstr("the WAL archive of system 42"));
}

}  // namespace
}  // namespace pgkeep::catalog
