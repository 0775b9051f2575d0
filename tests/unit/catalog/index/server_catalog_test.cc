#include "catalog/index/server_catalog.h"

#include <filesystem>
#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/denied.h"
#include "tests/support/segment_rows.h"
#include "tests/unit/catalog/index/server_catalog_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using postgres::WalSegment;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
using testing::SizeIs;

class ServerCatalogTest : public ServerCatalogFixture {};

TEST_F(ServerCatalogTest, RebuiltFromTheFilesItIsWhatWasKept) {
  take_backup("20261120T020000Z");
  take_backup("20261121T020000Z");
  take_backup("20261122T020000Z");
  archive({kOne, 4});
  archive_with_times({kOne, 5});
  switch_timeline();
  archive({kTwo, 5});
  archive({kTwo, 7});
  run("backup", RunOutcome::succeeded, "", R"({"bytes": 12})");
  run("verify-backup", RunOutcome::failed, "base/5/1259: \xFF is damaged", "");
  run_that_dies();
  delete_backup("20261121T020000Z");

  const auto kept = catalog_.dump();
  EXPECT_EQ(rebuilt(), kept);
  EXPECT_EQ(std::ranges::count(kept, '\n'), 2 + 4 + 3);
  EXPECT_THAT(kept, HasSubstr("17293822569102704641"));
}

TEST_F(ServerCatalogTest, PutsRightWhatACrashLeftBetweenFileAndRow) {
  take_backup("20261120T020000Z");
  take_backup("20261121T020000Z");
  archive({kOne, 4});
  commit_backup("20261122T020000Z");
  store_segment({kOne, 5});
  WalArchiveWriter(archive_).store_history(kTwo, kHistoryTwo);
  auto run = journal_.begin("backup", "");
  journal_.end(run, RunOutcome::failed, "killed", "");
  forget_files("20261120T020000Z");
  std::filesystem::remove(layout_.archived({kOne, 4}, size_));

  auto opened = ServerCatalog::open(layout_);
  EXPECT_EQ(opened.opened_anew(), std::nullopt);
  EXPECT_THAT(opened.backups(), SizeIs(2));
  EXPECT_EQ(opened.segment_count(), 1u);
  EXPECT_THAT(opened.runs(10), ElementsAre(run));
  EXPECT_EQ(rebuilt(), opened.dump());
}

TEST_F(ServerCatalogTest, ReadsOnlyFilesItDoesNotKnow) {
  take_backup("20261120T020000Z");
  archive({kOne, 4});
  io::write_file_durably(layout_.record(backup_id("20261120T020000Z")), io::as_bytes("damaged since"));
  io::write_file_durably(layout_.archived({kOne, 4}, size_), io::as_bytes("damaged since"));
  auto opened = ServerCatalog::open(layout_);
  EXPECT_THAT(opened.unreadable(), IsEmpty());
  EXPECT_THAT(opened.backups(), SizeIs(1));
}

TEST_F(ServerCatalogTest, LeavesOutAndNamesWhatCannotBeUnderstood) {
  commit_backup("20261120T020000Z");
  const auto damaged = commit_backup("20261121T020000Z");
  io::write_file_durably(layout_.record(damaged.id), io::as_bytes("{"));
  store_segment({kOne, 4});
  store_segment({kOne, 5});
  io::write_file_durably(layout_.archived({kOne, 5}, size_), io::as_bytes("no segment"));
  auto opened = ServerCatalog::rebuild(layout_);
  EXPECT_THAT(opened.backups(), SizeIs(1));
  EXPECT_THAT(test::rows_of(opened), SizeIs(1));
  EXPECT_THAT(opened.unreadable(),
              ElementsAre(HasSubstr("20261121T020000Z"), HasSubstr("000000010000000000000005")));
}

TEST_F(ServerCatalogTest, ASegmentPastAllLsnsIsNamedAndNotIndexed) {
  const WalSegment impossible{kOne, (std::uint64_t{1} << 63) / kMiB};
  const auto path = layout_.archived(impossible, size_);
  io::make_directories(path.parent_path());
  io::write_file_durably(directory_ / "plain", io::ByteVector(kMiB));
  write_segment_file(path,
                     {.segment = impossible,
                      .size = size_,
                      .system = test::kSampleSystem,
                      .first_time = {},
                      .last_time = {}},
                     io::File::open_to_read(directory_ / "plain"), 1);
  auto opened = ServerCatalog::open(layout_);
  EXPECT_THAT(test::rows_of(opened), IsEmpty());
  EXPECT_THAT(opened.unreadable(), SizeIs(1));
}

TEST_F(ServerCatalogTest, ASegmentWhoseCommitsCannotBeIsNamedAndNotIndexed) {
  archive({kOne, 5});
  const auto path = layout_.archived({kOne, 6}, size_);
  io::write_file_durably(directory_ / "plain", test::sample_wal({kOne, 6}));
  write_segment_file(
      path,
      {.segment = {kOne, 6},
       .size = size_,
       .system = test::kSampleSystem,
       .first_time = {},
       .last_time = {},
       .commits = {.known = true, .earliest = kMorning, .latest = kMorning - std::chrono::seconds(1)}},
      io::File::open_to_read(directory_ / "plain"), 1);
  auto opened = ServerCatalog::rebuild(layout_);
  EXPECT_THAT(test::rows_of(opened), SizeIs(1));
  EXPECT_THAT(opened.unreadable(), SizeIs(1));
}

TEST_F(ServerCatalogTest, AJournalThatWasReplacedIsReadFromItsStart) {
  run("backup", RunOutcome::succeeded, "", "");
  ServerCatalog::open(layout_);
  io::remove_file(layout_.run_journal());
  const auto only = journal_.begin("delete", "");
  EXPECT_THAT(ServerCatalog::open(layout_).runs(10), ElementsAre(only));
}

TEST_F(ServerCatalogTest, IsMadeFromTheFilesWhenItIsMissing) {
  take_backup("20261120T020000Z");
  const auto kept = catalog_.dump();
  std::filesystem::remove(layout_.index());
  auto opened = ServerCatalog::open(layout_);
  EXPECT_EQ(opened.dump(), kept);
}

TEST_F(ServerCatalogTest, SaysNothingAboutTheFirstIndexOfAServer) {
  take_backup("20261120T020000Z");
  std::filesystem::remove(layout_.index());  // as before somebody reads for the first time
  EXPECT_EQ(ServerCatalog::open(layout_).opened_anew(), std::nullopt);
}

TEST_F(ServerCatalogTest, IsMadeAnewWhenItIsNoDatabase) {
  take_backup("20261120T020000Z");
  const auto kept = catalog_.dump();
  for (const auto* content : {"", "no database at all, but long enough to be looked at as one; really"}) {
    io::write_file_durably(layout_.index(), io::as_bytes(content));
    auto opened = ServerCatalog::open(layout_);
    EXPECT_TRUE(opened.opened_anew().has_value());
    EXPECT_EQ(opened.dump(), kept);
  }
}

TEST_F(ServerCatalogTest, IsMadeAnewWhenAnyPageIsDamaged) {
  take_backup("20261120T020000Z");
  for (std::uint64_t i = 0; i < 3; ++i) archive({kOne, i});
  run("backup", RunOutcome::succeeded, "", "");
  const auto kept = catalog_.dump();
  settle();
  const auto pages = std::filesystem::file_size(layout_.index()) / 4096;
  for (std::uint64_t page = 0; page < pages; ++page) {
    overwrite_index(page * 4096, 4096);
    auto opened = ServerCatalog::open(layout_);
    EXPECT_TRUE(opened.opened_anew().has_value()) << page;
    EXPECT_EQ(opened.dump(), kept) << page;
    settle();
  }
}

TEST_F(ServerCatalogTest, IsMadeAnewWhenItIsOfAnotherVersion) {
  take_backup("20261120T020000Z");
  io::Database(layout_.index(), io::Database::Mode::read_write)
      .execute("UPDATE meta SET value = 1 WHERE key = 'schema_version'");
  EXPECT_THAT(ServerCatalog::open(layout_).opened_anew(), Optional(HasSubstr("version 1")));
  io::Database(layout_.index(), io::Database::Mode::read_write)
      .execute("ALTER TABLE runs ADD COLUMN host TEXT");
  EXPECT_THAT(ServerCatalog::open(layout_).opened_anew(), Optional(HasSubstr("another version")));
  EXPECT_EQ(ServerCatalog::open(layout_).opened_anew(), std::nullopt);
}

/// SQLite counts in bytes 24 to 27 what changes the file.
TEST_F(ServerCatalogTest, IsMadeInFewTransactionsHoweverManyGapsThereAre) {
  for (std::uint64_t number = 2; number < 40; number += 2) store_segment({kOne, number});
  EXPECT_EQ(ServerCatalog::rebuild(layout_).segment_count(), 19u);
  const auto file = io::read_whole_file(layout_.index(), 1 << 20);
  EXPECT_LT(std::to_integer<int>(file.at(27)), 10);
  EXPECT_EQ(std::to_integer<int>(file.at(26)), 0);
}

TEST_F(ServerCatalogTest, TakesNothingFromTheLogOfTheIndexItReplaces) {
  take_backup("20261120T020000Z");  // in catalog.db-wal
  forget_files("20261120T020000Z");
  EXPECT_THAT(ServerCatalog::rebuild(layout_).backups(), IsEmpty());
  EXPECT_THAT(ServerCatalog::open(layout_).backups(), IsEmpty());
}

TEST_F(ServerCatalogTest, GoesOnWithTheIndexThatAnotherProcessRebuilt) {
  take_backup("20261120T020000Z");
  auto other = ServerCatalog::rebuild(layout_);
  take_backup("20261121T020000Z");
  EXPECT_THAT(other.backups(), SizeIs(2));
  other.remove_backup(backup_id("20261120T020000Z"));
  EXPECT_THAT(catalog_.backups(), SizeIs(1));
}

TEST_F(ServerCatalogTest, TheEndOfAnOldConnectionLeavesTheNewIndexWhole) {
  {
    auto old = ServerCatalog::open(layout_);
    commit_backup("20261120T020000Z");
    old.add_backups();
    ServerCatalog::rebuild(layout_);
    take_backup("20261121T020000Z");
  }  // closes the replaced file, whose log has the same name
  EXPECT_THAT(catalog_.backups(), SizeIs(2));
  EXPECT_THAT(ServerCatalog::open(layout_).backups(), SizeIs(2));
  EXPECT_EQ(ServerCatalog::open(layout_).opened_anew(), std::nullopt);
}

TEST_F(ServerCatalogTest, IsOpenedByManyAtOnceWhenItIsMissing) {
  take_backup("20261120T020000Z");
  const auto kept = catalog_.dump();
  std::filesystem::remove(layout_.index());
  std::vector<std::string> dumps(4);
  {
    std::vector<std::jthread> threads;
    for (auto& dump : dumps) threads.emplace_back([&] { dump = ServerCatalog::open(layout_).dump(); });
  }
  EXPECT_THAT(dumps, testing::Each(kept));
}

TEST_F(ServerCatalogTest, AReaderIsToldWhoseIndexIsHeld) {
  const auto held = hold_index();
  try {
    ServerCatalog::open(layout_);
    FAIL() << "it was opened";
  } catch (const Busy& busy) {
    EXPECT_THAT(busy.what(), HasSubstr("catalog.db.lock: another process holds the index"));
  }
}

TEST_F(ServerCatalogTest, IsMadeAnewWhenARowMeansNothing) {
  take_backup("20261120T020000Z");
  archive({kOne, 4});
  run("backup", RunOutcome::succeeded, "", "");
  const auto kept = catalog_.dump();
  for (const auto* damage :
       {"UPDATE backups SET record = replace(record, 'pgkeep_backup', 'pgkeep_bacjup')",
        "UPDATE backups SET record = replace(record, '\"wal_segment_bytes\": 1', '\"wal_segment_bytes\": 9')",
        "UPDATE segments SET timeline = 0", "UPDATE segments SET number = -number",
        "UPDATE runs SET outcome = 'succeedee'"}) {
    SCOPED_TRACE(damage);
    io::Database(layout_.index(), io::Database::Mode::read_write).execute(damage);
    auto opened = ServerCatalog::open(layout_);
    EXPECT_TRUE(opened.opened_anew().has_value());
    EXPECT_EQ(opened.dump(), kept);
  }
}

TEST_F(ServerCatalogTest, ListsBackupsOldestFirst) {
  take_backup("20261122T020000Z");
  take_backup("20261120T020000Z");
  const auto backups = catalog_.backups();
  ASSERT_THAT(backups, SizeIs(2));
  EXPECT_EQ(backups[0].to_json(), commit_backup("20261120T020000Z").to_json());
}

TEST_F(ServerCatalogTest, ListsBackupsByTheirWalWhateverTheClockSaid) {
  const auto late = commit_backup("20261122T020000Z");
  commit_backup("20261123T020000Z", Lsn(1 * kMiB));
  catalog_.add_backups();
  EXPECT_EQ(catalog_.backups().back().id, late.id);
}

TEST_F(ServerCatalogTest, ListsTheNewestRunsFirst) {
  for (const auto* kind : {"backup", "delete", "recover"}) run(kind, RunOutcome::succeeded, "", "");
  const auto runs = catalog_.runs(2);
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[0].kind, "recover");
  EXPECT_EQ(runs[1].kind, "delete");
}

TEST_F(ServerCatalogTest, TellsRunningFromInterrupted) {
  run_that_dies();
  const auto running = journal_.begin("backup", "");
  catalog_.add_runs();
  const auto runs = catalog_.runs(10);
  ASSERT_THAT(runs, SizeIs(2));
  EXPECT_EQ(runs[0], running);
  EXPECT_EQ(runs[1].outcome, RunOutcome::interrupted);
}

TEST_F(ServerCatalogTest, ARunThatHasEndedStaysSo) {
  auto run = journal_.begin("backup", "");
  const auto beginning = io::read_whole_file(layout_.run_journal(), 4096);
  journal_.end(run, RunOutcome::succeeded, "", "");
  catalog_.add_runs();
  // As another process that read the journal before the run had ended, and comes to write only now.
  io::write_file_durably(layout_.run_journal(), beginning);
  io::Database(layout_.index(), io::Database::Mode::read_write)
      .execute("UPDATE meta SET value = 0 WHERE key = 'journal_position'");
  catalog_.add_runs();
  EXPECT_THAT(catalog_.runs(1), ElementsAre(run));
}

TEST_F(ServerCatalogTest, ReadsSegmentsBackInOrder) {
  switch_timeline();
  archive_with_times({kTwo, 5});
  archive({kOne, 5});
  archive({kOne, 4});
  const auto segments = test::rows_of(catalog_);
  ASSERT_THAT(segments, SizeIs(3));
  EXPECT_EQ(segments[0].end, Lsn(5 * kMiB));
  EXPECT_EQ(segments[0].first_time, std::nullopt);
  EXPECT_EQ(segments[2].segment, (WalSegment{kTwo, 5}));
  EXPECT_EQ(segments[2].last_time, kMorning + std::chrono::microseconds(1));
  EXPECT_EQ(segments[0].commits, CommitTimes{.known = true});
  EXPECT_TRUE(segments[2].commits.known);
  EXPECT_EQ(segments[2].commits.earliest, kMorning - std::chrono::seconds(9));
  EXPECT_EQ(segments[2].commits.latest, kMorning);
}

TEST_F(ServerCatalogTest, OrdersLsnsNearTheTop) {
  const auto row = [](std::uint64_t number) {
    return SegmentRow{.segment = {TimelineId(0xFFFFFFFF), number},
                      .begin = Lsn(number * kMiB),
                      .end = Lsn((number + 1) * kMiB),
                      .stored_bytes = 1,
                      .first_time = {},
                      .last_time = {}};
  };
  const auto top = ((std::uint64_t{1} << 63) / kMiB) - 2;
  catalog_.add_segment(row(top));
  catalog_.add_segment(row(1));
  EXPECT_THAT(test::rows_of(catalog_), ElementsAre(row(1), row(top)));
  EXPECT_THROW(catalog_.add_segment(row(top + 1)), Corruption);
}

TEST_F(ServerCatalogTest, ARecordThatMayNotBeOpenedIsNamedAndHidesNothingElse) {
  const auto denied = commit_backup("20261120T020000Z");
  commit_backup("20261121T020000Z");
  const test::Denied record(directory_.path(), layout_.record(denied.id));
  auto opened = ServerCatalog::open(layout_);
  EXPECT_THAT(opened.backups(), SizeIs(1));
  EXPECT_THAT(opened.unreadable(),
              ElementsAre(testing::AllOf(HasSubstr("20261120T020000Z"), HasSubstr("Permission denied"))));
}

}  // namespace
}  // namespace pgkeep::catalog
