#include "server/fleet/backup_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/segment_rows.h"

namespace pgkeep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint64_t kSegment = 16 << 20;

store::BackupRecord backup(const char* id, std::uint64_t start_lsn) {
  store::BackupRecord record(store::BackupId::parse(id).value());
  record.server = "main";
  record.start = {postgres::TimelineId(1), postgres::Lsn(start_lsn)};
  record.end = {postgres::TimelineId(1), postgres::Lsn(start_lsn + 256)};
  return record;
}

catalog::SegmentRow segment(std::uint64_t number, std::uint64_t stored) {
  return {.segment = {postgres::TimelineId(1), number},
          .begin = postgres::Lsn(number * kSegment),
          .end = postgres::Lsn((number + 1) * kSegment),
          .stored_bytes = stored,
          .first_time = {},
          .last_time = {}};
}

std::vector<std::uint64_t> wal_to_next(const std::vector<store::BackupRecord>& backups,
                                       const std::vector<catalog::SegmentRow>& rows) {
  catalog::SegmentSet held;
  for (const auto& row : rows) held.insert(row.segment);
  test::ListedSegments stored(rows);
  return server::wal_to_next(backups, stored, held, postgres::WalSegmentSize(kSegment));
}

TEST(WalToNextTest, CountsFromABackupsFirstSegmentToTheOneBeforeTheNext) {
  const std::vector backups{backup("20261119T020000Z", 2 * kSegment + 40),
                            backup("20261120T020000Z", 5 * kSegment + 40)};
  const std::vector segments{segment(1, 1), segment(2, 10), segment(3, 100), segment(4, 1000),
                             segment(5, 10000)};
  EXPECT_THAT(wal_to_next(backups, segments), ElementsAre(1110u, 10000u));
}

TEST(WalToNextTest, CountsASegmentWhoseEndIsTheStartToTheBackupBefore) {
  const std::vector backups{backup("20261119T020000Z", 2 * kSegment),
                            backup("20261120T020000Z", 4 * kSegment),
                            backup("20261121T020000Z", 4 * kSegment + 40)};
  const std::vector segments{segment(1, 1), segment(2, 10), segment(3, 100), segment(4, 1000),
                             segment(9, 10000)};
  EXPECT_THAT(wal_to_next(backups, segments), ElementsAre(110u, 0u, 11000u));
}

TEST(WalToNextTest, IsNothingWithoutWal) {
  EXPECT_THAT(wal_to_next({backup("20261119T020000Z", 40)}, {}), ElementsAre(0u));
  EXPECT_THAT(wal_to_next({}, {segment(1, 1)}), IsEmpty());
}

TEST(BackupFactsTest, NameTheSegmentsOfFirstAndLastByte) {
  const auto record = backup("20261119T020000Z", 3 * kSegment - 256);
  EXPECT_EQ(first_wal(record), "000000010000000000000002");
  EXPECT_EQ(last_wal(record), "000000010000000000000002") << "the end is the first byte that is not needed";
}

TEST(BackupFactsTest, RemarkOnlyWhatDeservesALook) {
  auto record = backup("20261119T020000Z", 40);
  record.label = "pgkeep";
  EXPECT_EQ(remarks(record), "");
  record.checksum_failures = 2;
  record.from_standby = true;
  record.label = "before the migration";
  EXPECT_EQ(remarks(record), "checksum failures: 2; from standby; before the migration");
}

TEST(BackupFactsTest, RemarkAHoleInTheWalBehindTheBackup) {
  EXPECT_EQ(remarks(backup("20261119T020000Z", 40), postgres::Lsn(0x5000000)), "WAL ends at 0/5000000 (gap)");
}

TEST(BackupFactsTest, RemarkThatABackupIsConsistentOnly) {
  const auto record = backup("20261119T020000Z", 40);
  EXPECT_EQ(remarks(record, {}, {}, true), "consistent only, at " + record.end.lsn.to_string());
}

TEST(BackupJsonTest, HasTimesSizesAndPositionsInTheirPromisedForm) {
  auto record = backup("20261119T020000Z", 0x16B374D848);
  record.started = io::parse_rfc3339("2026-11-19T02:00:00Z").value();
  record.ended = io::parse_rfc3339("2026-11-19T02:00:01.5Z").value();
  record.data_bytes = 1000;
  record.cost.pack_bytes = 7;
  record.cost.metadata_bytes = 3;
  const auto json = backup_json(record);
  EXPECT_EQ(json.at("id"), "20261119T020000Z");
  EXPECT_EQ(json.at("started"), "2026-11-19T02:00:00Z");
  EXPECT_EQ(json.at("duration_seconds"), 1.5);
  EXPECT_EQ(json.at("begin_lsn"), "16/B374D848");
  EXPECT_EQ(json.at("stored_bytes"), 10);
  EXPECT_TRUE(json.at("compared_with").is_null());
}

}  // namespace
}  // namespace pgkeep::server
