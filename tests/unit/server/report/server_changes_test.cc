#include "server/report/server_changes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/segment_rows.h"
#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using catalog::RunOutcome;
using test::kMorning;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

constexpr auto kYesterday = kMorning - std::chrono::hours(24);

store::BackupRecord backup(std::chrono::hours ago) {
  store::BackupRecord record{store::BackupId(kMorning - ago)};
  record.started = kMorning - ago;
  record.ended = record.started + 5min;
  record.cost.pack_bytes = 1000;
  return record;
}

store::Deletion deletion(std::chrono::hours taken, std::chrono::hours deleted, std::string why) {
  return {.id = store::BackupId(kMorning - taken),
          .sequence = {},
          .record_sha256 = {},
          .at = kMorning - deleted,
          .why = std::move(why)};
}

catalog::RunRecord run(std::string kind, std::chrono::hours ago, RunOutcome outcome = RunOutcome::succeeded,
                       std::string details = "{}") {
  catalog::RunRecord record;
  record.kind = std::move(kind);
  record.started = kMorning - ago;
  record.ended = record.started + 5min;
  record.outcome = outcome;
  record.details = std::move(details);
  return record;
}

TEST(ServerChangesTest, CountsTheBackupsSinceThen) {
  ServerRecords records;
  records.backups = {backup(48h), backup(3h), backup(2h)};
  const auto changes = changes_since(records, kYesterday);
  EXPECT_EQ(changes.backups_made, 2u);
  EXPECT_EQ(changes.backup_bytes, 2000u);
}

TEST(ServerChangesTest, CountsABackupThatHasGoneSince) {
  ServerRecords records;
  records.backups = {backup(3h)};
  const auto details = [](const store::BackupRecord& of) {
    return fmt::format(R"({{"backup":"{}","pack_bytes":1000,"metadata_bytes":0}})", of.id.to_string());
  };
  records.runs = {run("backup", 3h, RunOutcome::succeeded, details(records.backups[0])),
                  run("backup", 5h, RunOutcome::succeeded, details(backup(5h))),
                  run("backup", 6h, RunOutcome::failed)};
  const auto changes = changes_since(records, kYesterday);
  EXPECT_EQ(changes.backups_made, 2u);
  EXPECT_EQ(changes.backup_bytes, 2000u);
  EXPECT_EQ(changes.backups_failed, 1u);
}

TEST(ServerChangesTest, TellsADeletionOnceThatWasRepeated) {
  ServerRecords records;
  records.deletions = {deletion(400h, 3h, "cut by a crash"), deletion(400h, 2h, "repeated")};
  EXPECT_THAT(changes_since(records, kYesterday).removed, ElementsAre(Field(&GoneBackup::why, "repeated")));
}

TEST(ServerChangesTest, CountsAVerificationThatFailedForWhatItFoundAsOneWithDamage) {
  ServerRecords records;
  auto damaged = run("verify-backup", 2h, RunOutcome::failed, R"({"good":false,"bytes":7})");
  damaged.subject = "20261120T020000Z";
  damaged.error = "base/1: is damaged";
  records.runs = {damaged, run("verify-wal", 3h, RunOutcome::failed)};
  const auto changes = changes_since(records, kYesterday);
  EXPECT_EQ(changes.verifications, 1u);
  EXPECT_EQ(changes.verified_bytes, 7u);
  EXPECT_THAT(changes.damage,
              ElementsAre(Field(&Happening::what, "verify-backup 20261120T020000Z: base/1: is damaged")));
  EXPECT_THAT(changes.failed, SizeIs(1)) << "that could not be done";
}

TEST(ServerChangesTest, TellsOfPagesThatPostgresFoundDamaged) {
  ServerRecords records;
  records.backups = {backup(3h)};
  records.backups[0].checksum_failures = 3;
  records.backups[0].damaged_files = {"base/5/16384"};
  EXPECT_THAT(changes_since(records, kYesterday).bad_pages,
              ElementsAre(Field(&Happening::what,
                                HasSubstr("3 pages with a wrong checksum, the first in base/5/16384"))));
}

TEST(ServerChangesTest, ListsRunsThatFailedOldestFirst) {
  ServerRecords records;
  auto failed = run("backup", 3h, RunOutcome::failed);
  failed.error = "no room";
  records.runs = {run("verify", 1h, RunOutcome::interrupted), failed, run("backup", 48h, RunOutcome::failed)};
  EXPECT_THAT(changes_since(records, kYesterday).failed,
              ElementsAre(Field(&Happening::what, "backup: no room"),
                          Field(&Happening::what, "verify: interrupted")));
}

TEST(ServerChangesTest, TellsWhatVerificationsRead) {
  ServerRecords records;
  auto damaged = run("verify", 2h, RunOutcome::succeeded, R"({"good":false,"bytes":7})");
  damaged.subject = "DAMAGED: pack 1";
  records.runs = {damaged, run("verify", 3h, RunOutcome::succeeded, R"({"good":true,"bytes":5})")};
  const auto changes = changes_since(records, kYesterday);
  EXPECT_EQ(changes.verifications, 2u);
  EXPECT_EQ(changes.verified_bytes, 12u);
  EXPECT_THAT(changes.damage, ElementsAre(Field(&Happening::what, "DAMAGED: pack 1")));
}

TEST(ServerChangesTest, SurvivesFiguresThatAreNone) {
  ServerRecords records;
  records.runs = {run("expire", 1h, RunOutcome::succeeded, R"({"freed_bytes":"many"})"),
                  run("verify", 1h, RunOutcome::succeeded, "[]"),
                  run("verify", 1h, RunOutcome::succeeded, "")};
  EXPECT_EQ(changes_since(records, kYesterday).freed_bytes, 0u);
}

TEST(ServerChangesTest, TellsWhatExpiredAndWhatWentAndWhy) {
  ServerRecords records;
  records.backups = {backup(300h)};
  records.marks[records.backups[0].id].expired = catalog::ExpiryMark{
      .by = catalog::ExpiryMark::By::policy, .at = kMorning - 1h, .why = "no rule keeps it"};
  records.deletions = {deletion(400h, 48h, "long ago"), deletion(390h, 1h, "its time is over")};
  const auto changes = changes_since(records, kYesterday);
  EXPECT_THAT(changes.expired, ElementsAre(Field(&GoneBackup::why, "no rule keeps it")));
  EXPECT_THAT(changes.removed, ElementsAre(Field(&GoneBackup::why, "its time is over")));
}

TEST(WalGrowthTest, IsAllWalFromTheFirstCommitSinceThenOn) {
  std::uint64_t number = 0;
  const auto row = [&](std::optional<io::TimePoint> last) {
    catalog::SegmentRow segment;
    segment.segment = {postgres::TimelineId(1), ++number};
    segment.stored_bytes = 10;
    segment.last_time = last;
    return segment;
  };
  test::ListedSegments segments(
      {row(kMorning - 40h), row(kMorning + 1h), row(kMorning - 30h), row(kMorning - 2h), row(std::nullopt)});
  const auto growth = wal_growth(segments, kYesterday, kMorning);
  EXPECT_EQ(growth.stored_bytes, 50u);
  EXPECT_EQ(growth.added_bytes, 20u) << "a clock that was ahead tells nothing";
}

TEST(NewestProofTest, IsTheLastVerificationThatCameToAnEnd) {
  const std::vector runs{run("verify", 1h, RunOutcome::failed), run("verify-backup", 2h), run("verify", 3h)};
  EXPECT_THAT(newest_proof(runs, {}), Optional(Field(&Proof::at, kMorning - 2h + 5min)));
}

TEST(NewestProofTest, IsNotSoundWhereDamageWasFound) {
  const std::vector runs{run("verify", 1h, RunOutcome::succeeded, R"({"good":false})")};
  EXPECT_THAT(newest_proof(runs, {}), Optional(Field(&Proof::sound, false)));
}

TEST(NewestProofTest, IsNotSoundWhereAnotherVerificationFoundDamage) {
  const std::vector runs{run("verify-backup", 1h)};
  EXPECT_THAT(newest_proof(runs, kMorning - 20h), Optional(Field(&Proof::sound, false)));
  EXPECT_THAT(newest_proof({}, kMorning - 20h), Optional(Field(&Proof::at, kMorning - 20h)));
}

TEST(NewestProofTest, IsTheOneThatFailedForWhatItFound) {
  const std::vector runs{run("verify-backup", 1h, RunOutcome::failed, R"({"good":false})"),
                         run("verify", 3h)};
  EXPECT_THAT(newest_proof(runs, {}),
              Optional(testing::AllOf(Field(&Proof::sound, false), Field(&Proof::at, kMorning - 1h + 5min))));
}

TEST(NewestProofTest, ComesFromNoVerificationThatReadNoBackup) {
  EXPECT_FALSE(newest_proof(std::vector{run("verify-wal", 1h)}, {}));
}

TEST(NewestProofTest, TellsWhatItsBudgetLeft) {
  const std::vector runs{run("verify", 1h, RunOutcome::succeeded, R"({"good":true,"left_bytes":12})")};
  EXPECT_THAT(newest_proof(runs, {}), Optional(Field(&Proof::left_bytes, 12u)));
}

TEST(BackupServiceTest, CountsTheTimeBeforeTheFirstBackupOfTheseDays) {
  ServerRecords records;
  records.has_all_runs = true;
  records.runs = {run("backup", 24h), run("backup", 24h * 40)};
  EXPECT_EQ(service_of(records, kMorning)->longest_without, 24h * 29 + 5min);
  records.runs = {run("backup", 24h, RunOutcome::failed), run("backup", 24h * 40)};
  EXPECT_EQ(service_of(records, kMorning)->longest_without, 24h * 30);
  records.runs = {run("backup", 24h * 40)};
  EXPECT_EQ(service_of(records, kMorning)->longest_without, 24h * 30) << "and none was tried";
}

TEST(BackupServiceTest, TellsTheLongestTimeWithoutABackup) {
  ServerRecords records;
  records.has_all_runs = true;
  records.runs = {run("backup", 20h), run("backup", 30h, RunOutcome::failed), run("backup", 70h),
                  run("backup", 90h)};
  const auto service = service_of(records, kMorning);
  ASSERT_TRUE(service);
  EXPECT_EQ(service->succeeded, 3u);
  EXPECT_EQ(service->failed, 1u);
  EXPECT_EQ(service->longest_without, 50h);
}

TEST(BackupServiceTest, CountsWhatBackupsAddedOnEachDay) {
  ServerRecords records;
  records.has_all_runs = true;
  const auto* details = R"({"pack_bytes":5,"metadata_bytes":2})";
  records.runs = {run("backup", 1h, RunOutcome::succeeded, details),
                  run("backup", 2h, RunOutcome::failed, details),
                  run("backup", 24h * 29 + 1h, RunOutcome::succeeded, details)};
  const auto days = service_of(records, kMorning).value().added_by_day;
  ASSERT_THAT(days, SizeIs(30));
  EXPECT_EQ(days.front(), 7u);
  EXPECT_EQ(days.back(), 7u);
}

TEST(BackupServiceTest, SaysNothingOfAJournalThatWasReadInPart) {
  ServerRecords records;
  records.runs = {run("backup", 20h), run("backup", 30h)};
  EXPECT_FALSE(service_of(records, kMorning));
}

catalog::BackupReach reach(std::chrono::hours ago, std::uint64_t end,
                           std::optional<std::chrono::hours> until) {
  catalog::BackupReach one{.backup = store::BackupId(kMorning - ago),
                           .from = kMorning - ago,
                           .end = postgres::Lsn(end),
                           .until = {}};
  if (until) one.until = kMorning - *until;
  return one;
}

TEST(StretchesTest, AreOneWhereAllBackupsReachTheSameEnd) {
  const catalog::RecoveryWindow window{
      postgres::TimelineId(1), postgres::Lsn(9), {reach(48h, 9, 1h), reach(24h, 9, 1h)}};
  EXPECT_THAT(stretches_of(window), ElementsAre(Stretch{kMorning - 48h, kMorning - 1h}));
}

TEST(StretchesTest, AreTwoWithAGapBetween) {
  const catalog::RecoveryWindow window{
      postgres::TimelineId(1), postgres::Lsn(9), {reach(48h, 5, 40h), reach(24h, 9, 1h)}};
  EXPECT_THAT(stretches_of(window),
              ElementsAre(Stretch{kMorning - 48h, kMorning - 40h}, Stretch{kMorning - 24h, kMorning - 1h}));
}

TEST(StretchesTest, ReachTheLastBackupWhereNothingWasCommittedAfterIt) {
  const catalog::RecoveryWindow window{
      postgres::TimelineId(1), postgres::Lsn(9), {reach(48h, 9, {}), reach(24h, 9, {})}};
  EXPECT_THAT(stretches_of(window), ElementsAre(Stretch{kMorning - 48h, kMorning - 24h}));
}

}  // namespace
}  // namespace pgkeep::server
