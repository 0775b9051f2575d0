#include "server/cli/expire.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/index/server_catalog.h"
#include "catalog/records/run_journal.h"
#include "catalog/retention/retention_marks.h"
#include "catalog/store/backup_lease.h"
#include "server/cli/keep.h"
#include "server/fleet/expiry_run.h"
#include "server/fleet/fleet.h"
#include "tests/support/segment_rows.h"
#include "tests/support/unobserved.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr const char* kFirst = "20261120T020000Z";
constexpr const char* kSecond = "20261121T020000Z";
constexpr const char* kThird = "20261122T020000Z";

/// Three backups, in segments 5, 6 and 8 of those from 4 to 9.
class ExpireTest : public CommandTest {
 protected:
  ExpireTest() {
    for (std::uint64_t number = 4; number < 10; ++number) archived({test::kOne, number});
    commit_backup(kFirst, 0x500028, 0x580000);
    commit_backup(kSecond, 0x600028, 0x680000);
    commit_backup(kThird, 0x800028, 0x880000);
    std::filesystem::create_directories(layout_.packs());
  }

  void retain(const std::string& policy) {
    configure("  main:\n    conninfo: host=nowhere\n    active: false\n    retention: {" + policy + "}\n");
  }
  Said expire() { return run_line({"expire", "main"}); }
  Json fates() {
    const auto plan = document({"expire", "main", "--dry-run"});
    auto fates = Json::array();
    for (const auto& backup : plan["data"][0]["backups"]) fates.push_back(backup["fate"]);
    return fates;
  }
  std::vector<std::string> backups() const {
    std::vector<std::string> ids;
    for (const auto& backup : store::list_backup_records(layout_).backups)
      ids.push_back(backup.id.to_string());
    return ids;
  }
  std::vector<std::uint64_t> segments() const {
    std::vector<std::uint64_t> numbers;
    for (const auto& segment : archive_.inventory().segments) numbers.push_back(segment.number);
    return numbers;
  }
  static store::BackupId id(const char* text) { return store::BackupId::parse(text).value(); }
};

TEST_F(ExpireTest, LetsNothingGoWithoutAPolicy) {
  const auto said = expire();
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_THAT(said.results, AllOf(HasSubstr("no retention policy"), HasSubstr("stays")));
  EXPECT_THAT(backups(), SizeIs(3));
  EXPECT_THAT(segments(), SizeIs(6));
}

TEST_F(ExpireTest, OnlySaysWhatItWouldDo) {
  retain("redundancy: 1, grace: 0");
  const auto before = segments();
  const auto said = run_line({"expire", "main", "--dry-run"});
  EXPECT_THAT(said.results, AllOf(HasSubstr("expires"), HasSubstr("redundancy: 1 of 1")));
  EXPECT_EQ(segments(), before);
  EXPECT_EQ(catalog::read_retention_marks(layout_, id(kFirst)), catalog::RetentionMarks());
  EXPECT_TRUE(catalog::RunJournal(layout_).read().empty());
}

TEST_F(ExpireTest, MarksABackupAndRemovesItWithItsWalWhenTheGraceTimeIsOver) {
  retain("redundancy: 1, grace: 24h");
  EXPECT_THAT(expire().results, HasSubstr("2 backups expired, 0 backups and 1 WAL segment removed"));
  EXPECT_THAT(backups(), SizeIs(3));
  EXPECT_THAT(segments(), ElementsAre(5, 6, 7, 8, 9));
  EXPECT_EQ(fates(), Json::array({"waits", "waits", "stays"}));
  EXPECT_THAT(run_line({"list-backups", "main"}).results, HasSubstr("expired, goes from "));

  retain("redundancy: 1, grace: 0");
  EXPECT_THAT(expire().results, HasSubstr("0 backups expired, 2 backups and 3 WAL segments removed"));
  EXPECT_THAT(backups(), ElementsAre(kThird));
  EXPECT_THAT(segments(), ElementsAre(8, 9));
  EXPECT_EQ(expire().exit, Exit::ok);
  EXPECT_THAT(segments(), ElementsAre(8, 9));
  auto index = catalog::ServerCatalog::open(layout_);
  const auto kept = index.dump();
  EXPECT_THAT(test::rows_of(index), SizeIs(2));
  EXPECT_EQ(catalog::ServerCatalog::rebuild(layout_).dump(), kept);
}

TEST_F(ExpireTest, TellsAProgramWhatWasDone) {
  retain("redundancy: 2, grace: 0");
  expire();
  const auto said = document({"expire", "main"})["data"][0];
  const auto& result = said["result"];
  EXPECT_EQ(result["removed"], Json::array({kFirst}));
  EXPECT_GT(result["freed_bytes"], 0);
  EXPECT_EQ(result["wal_segments"], 1);
  EXPECT_GT(result["wal_bytes"], 0);
  EXPECT_EQ(said["backups"][0]["fate"], "goes");
  EXPECT_EQ(said["backups"][2]["reasons"], Json::array({"redundancy: 1 of 2"}));
  const auto run = catalog::RunJournal(layout_).read().back();
  EXPECT_EQ(run.kind, "expire");
  EXPECT_THAT(run.details, HasSubstr(kFirst));
}

TEST_F(ExpireTest, LeavesWhatAnOperatorKeeps) {
  retain("redundancy: 1, grace: 0");
  expire();
  EXPECT_THAT(run_line({"keep", "main", "oldest", "--reason", "audit"}).results, HasSubstr("stays until"));
  expire();
  EXPECT_THAT(backups(), ElementsAre(kFirst, kThird));
  EXPECT_THAT(segments(), ElementsAre(5, 6, 7, 8, 9));
  EXPECT_THAT(run_line({"list-backups", "main"}).results, HasSubstr("kept: audit"));
  EXPECT_EQ(run_line({"delete", "main", "oldest"}).exit, Exit::refused);

  EXPECT_EQ(run_line({"release", "main", "oldest"}).exit, Exit::ok);
  expire();
  expire();
  EXPECT_THAT(backups(), ElementsAre(kThird));
  EXPECT_THAT(segments(), ElementsAre(8, 9));
}

TEST_F(ExpireTest, BringsBackWhatHasExpired) {
  retain("redundancy: 1, grace: 24h");
  expire();
  EXPECT_THAT(run_line({"undelete", "main", "oldest"}).results, HasSubstr("is back"));
  EXPECT_THAT(run_line({"undelete", "main", "latest"}).results, HasSubstr("nothing was changed"));
  EXPECT_EQ(fates(), Json::array({"stays", "waits", "stays"}));
}

TEST_F(ExpireTest, WhatWasBroughtBackStaysThoughItWasKeptForATimeOnly) {
  retain("redundancy: 1, grace: 24h");
  expire();
  catalog::change_retention_marks(layout_, id(kFirst), [](catalog::RetentionMarks& marks) {
    marks.keep = {kMorning, kMorning, "over"};
  });
  run_line({"undelete", "main", "oldest"});
  EXPECT_EQ(fates(), Json::array({"stays", "waits", "stays"}));
}

TEST_F(ExpireTest, DecidesNothingWhereTheFolderOfBackupsIsMissing) {
  retain("redundancy: 1, grace: 0");
  std::filesystem::rename(layout_.backups(), directory_ / "elsewhere");
  EXPECT_EQ(expire().exit, Exit::failed);
  EXPECT_THAT(segments(), SizeIs(6));
}

TEST_F(ExpireTest, LeavesWhatIsBeingRead) {
  retain("redundancy: 1, grace: 0");
  expire();
  {
    const store::BackupLease reader(layout_, id(kFirst));
    EXPECT_THAT(expire().results,
                AllOf(HasSubstr("is being read"), HasSubstr("1 backup and 0 WAL segments")));
  }
  EXPECT_THAT(backups(), ElementsAre(kFirst, kThird));
  EXPECT_THAT(segments(), ElementsAre(5, 6, 7, 8, 9));
}

TEST_F(ExpireTest, LeavesWalBetweenBackupsToWhoRecoversOne) {
  retain("redundancy: 9");
  for (const auto* backup : {kFirst, kSecond}) run_line({"keep", "main", backup, "--standalone"});
  {
    const store::BackupLease reader(layout_, id(kSecond));
    EXPECT_THAT(expire().talk, HasSubstr("WAL stays until the next expire: backup " + std::string(kSecond)));
  }
  EXPECT_THAT(segments(), ElementsAre(5, 6, 7, 8, 9)) << "4 lies before all of them";
  expire();
  EXPECT_THAT(segments(), ElementsAre(5, 6, 8, 9));
}

TEST_F(ExpireTest, LeavesWalBetweenBackupsToWhoRecoversOneWhenAnotherIsDeletedAtOnce) {
  for (const auto* backup : {kFirst, kSecond}) run_line({"keep", "main", backup, "--standalone"});
  {
    const store::BackupLease reader(layout_, id(kSecond));
    run_line({"release", "main", kFirst});
    EXPECT_THAT(run_line({"delete", "main", kFirst, "--now"}).talk,
                HasSubstr("WAL stays until the next expire"));
  }
  EXPECT_THAT(backups(), ElementsAre(kSecond, kThird));
  EXPECT_THAT(segments(), ElementsAre(6, 7, 8, 9));
  expire();
  EXPECT_THAT(segments(), ElementsAre(6, 8, 9));
}

TEST_F(ExpireTest, LeavesTheWalOfABackupThatIsKeptSinceItWasDecided) {
  retain("redundancy: 9");
  for (const auto* backup : {kFirst, kSecond}) run_line({"keep", "main", backup, "--standalone"});
  const Fleet fleet(config_, Fleet::Access::open);
  std::size_t would_go = 0;
  Said kept;
  test::Unobserved progress;
  const auto result = server::expire(fleet.server("main"), layout_, progress,
                                     [&](const DecidedExpiry& expiry) {
                                       would_go = expiry.plan.wal.back().goes.segments.size();
                                       kept = run_line({"keep", "main", kSecond});
                                     },
                                     WithHooks::yes, {});
  EXPECT_EQ(kept.exit, Exit::ok) << kept.talk;
  EXPECT_EQ(would_go, 2u);
  EXPECT_EQ(result.wal_segments, 0u);
  EXPECT_THAT(segments(), ElementsAre(4, 5, 6, 7, 8, 9));
  expire();
  EXPECT_THAT(segments(), ElementsAre(5, 6, 7, 8, 9)) << "4 lies before all of them";
}

TEST_F(ExpireTest, LeavesAnAnnotatedBackupToNoPolicyUntilTheNoteIsTakenAway) {
  retain("redundancy: 1, grace: 0");
  run_line({"annotate", "main", kFirst, "before the upgrade"});
  expire();
  EXPECT_THAT(expire().results, HasSubstr("annotated: before the upgrade"));
  EXPECT_THAT(backups(), ElementsAre(kFirst, kThird));
  EXPECT_THAT(segments(), ElementsAre(5, 8, 9));
  run_line({"annotate", "main", kFirst, ""});
  expire();
  expire();
  EXPECT_THAT(backups(), ElementsAre(kThird));
}

TEST_F(ExpireTest, LeavesAllWalWhileABackupCannotBeRead) {
  retain("redundancy: 1, grace: 0");
  io::write_file_durably(layout_.record(id(kFirst)), io::as_bytes("{"));
  expire();
  EXPECT_THAT(expire().talk, HasSubstr("no WAL is removed"));
  EXPECT_THAT(backups(), ElementsAre(kThird));
  EXPECT_TRUE(std::filesystem::exists(layout_.record(id(kFirst))));
  EXPECT_THAT(segments(), SizeIs(6));
}

TEST_F(ExpireTest, LeavesABackupWhoseMarksCannotBeRead) {
  retain("redundancy: 1, grace: 0");
  expire();
  io::write_file_durably(layout_.retention_marks(id(kFirst)), io::as_bytes("{"));
  EXPECT_THAT(expire().results, HasSubstr("retention.json"));
  EXPECT_THAT(backups(), ElementsAre(kFirst, kThird));
}

TEST_F(ExpireTest, CountsDaysInTheTimeZoneOfTheServer) {
  // All three end at 02:00:01.5 UTC of 20 November: of one day there, and of the one before in New York.
  for (const auto* zone : {"UTC", "America/New_York"}) {
    configure(
        fmt::format("  main:\n    conninfo: host=nowhere\n    active: false\n    timezone: {}\n"
                    "    retention: {{keep: {{daily: 1}}}}\n",
                    zone));
    EXPECT_THAT(run_line({"expire", "main", "--dry-run"}).results,
                HasSubstr(std::string(zone) == "UTC" ? "daily: 2026-11-20" : "daily: 2026-11-19"));
  }
}

TEST(KeepUntilTest, IsADateATimeOrADuration) {
  EXPECT_EQ(parse_until("2027-01-31"), io::parse_rfc3339("2027-01-31T00:00:00Z"));
  EXPECT_EQ(parse_until("2027-01-31T12:00:00Z"), io::parse_rfc3339("2027-01-31T12:00:00Z"));
  EXPECT_GT(parse_until("90d"), io::now() + std::chrono::days(89));
  EXPECT_THROW(parse_until("soon"), UsageError);
}

}  // namespace
}  // namespace pgkeep::server
