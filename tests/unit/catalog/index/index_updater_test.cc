#include "catalog/index/index_updater.h"

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/index/index_note.h"
#include "catalog/io/error.h"
#include "tests/support/segment_rows.h"
#include "tests/unit/catalog/index/server_catalog_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalSegment;
using testing::HasSubstr;
using testing::SizeIs;

class IndexUpdaterTest : public ServerCatalogFixture {};

TEST_F(IndexUpdaterTest, WhoOnlyAddsPassesByAnIndexThatIsHeld) {
  const auto segment = store_segment({kOne, 4});
  const auto add = [&](ServerCatalog& index) { index.add_segment(describe_segment(layout_, segment)); };
  {
    const auto held = hold_index();
    EXPECT_FALSE(ServerCatalog::open_if_free(layout_));
    EXPECT_EQ(note_in_index(layout_, add), std::nullopt);
    EXPECT_EQ(catalog_.segment_count(), 0u);
  }
  EXPECT_EQ(note_in_index(layout_, add), std::nullopt);
  EXPECT_EQ(catalog_.segment_count(), 1u);
}

TEST_F(IndexUpdaterTest, WhatWasNotAddedIsFoundByTheNextReader) {
  {
    const auto held = hold_index();
    commit_backup("20261120T020000Z");
    note_in_index(layout_, [](ServerCatalog& index) { index.add_backups(); });
  }
  EXPECT_THAT(ServerCatalog::open(layout_).backups(), SizeIs(1));
}

TEST_F(IndexUpdaterTest, WhoAddsOneAddsWhatWasMissedToo) {
  {
    const auto held = hold_index();
    commit_backup("20261120T020000Z");
    note_in_index(layout_, [](ServerCatalog& index) { index.add_backups(); });
  }
  commit_backup("20261121T020000Z");
  note_in_index(layout_, [](ServerCatalog& index) { index.add_backups(); });
  EXPECT_THAT(ServerCatalog::open_to_read(layout_).value().backups(), SizeIs(2));
}

/// The page of an index of SQLite's own is read by nobody who only asks.
TEST_F(IndexUpdaterTest, DamageThatOnlyAWriterMeetsIsMendedByTheNextReader) {
  take_backup("20261120T020000Z");
  const auto kept = catalog_.dump();
  const auto trouble = note_in_index(layout_, [](ServerCatalog&) { throw Corruption("malformed"); });
  EXPECT_THAT(trouble.value(), testing::StartsWith("malformed"));
  EXPECT_FALSE(ServerCatalog::open_to_read(layout_));
  EXPECT_EQ(ServerCatalog::open(layout_).dump(), kept);
}

TEST_F(IndexUpdaterTest, DamageThatCannotBeRemovedIsATroubleLikeAnyOther) {
  const auto trouble = note_in_index(layout_, [&](ServerCatalog&) {
    std::filesystem::remove(layout_.index());
    io::make_directories(layout_.index() / "something");
    throw Corruption("malformed");
  });
  EXPECT_THAT(trouble.value(), HasSubstr("rebuild-catalog"));
}

TEST_F(IndexUpdaterTest, WhoOnlyAddsPassesByAWriterThatDoesNotEnd) {
  io::Database other(layout_.index(), io::Database::Mode::read_write);
  const io::Transaction unfinished(other);
  const auto before = std::chrono::steady_clock::now();
  const auto row = describe_segment(layout_, store_segment({kOne, 4}));
  EXPECT_EQ(note_in_index(layout_, [&](ServerCatalog& index) { index.add_segment(row); }), std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - before, ServerCatalog::kPatience);
}

TEST_F(IndexUpdaterTest, WhoOnlyAddsMakesNoIndex) {
  std::filesystem::remove(layout_.index());
  EXPECT_FALSE(ServerCatalog::open_if_free(layout_));
  EXPECT_FALSE(std::filesystem::exists(layout_.index()));
}

TEST_F(IndexUpdaterTest, TheReceiverAddsWhatWasNotTold) {
  archive({kOne, 4});
  store_segment({kOne, 5});
  IndexUpdater(archive_, [](const std::string& warning) {
    FAIL() << warning;
  }).catch_up(archive_.inventory());
  EXPECT_EQ(catalog_.segment_count(), 2u);
  EXPECT_EQ(rebuilt(), catalog_.dump());
}

TEST_F(IndexUpdaterTest, WritesWhatItMissedWithTheNextRow) {
  IndexUpdater updater(archive_, [](const std::string& warning) { FAIL() << warning; });
  {
    const auto held = hold_index();
    updater.segment_archived(store_segment({kOne, 4}));
    EXPECT_EQ(catalog_.segment_count(), 0u);
  }
  updater.segment_archived(store_segment({kOne, 5}));
  EXPECT_EQ(catalog_.segment_count(), 2u);
}

TEST_F(IndexUpdaterTest, TheReceiverAddsTheNewestOfManyThatWereNotTold) {
  for (unsigned number = 4; number < 8; ++number) store_segment({kOne, number});
  catalog_.add_segments(archive_, archive_.inventory(), 2);
  const auto rows = test::rows_of(catalog_);
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows.front().segment, (WalSegment{kOne, 6}));
}

/// Its file may have been replaced since, or the row may be of a line that was set aside.
TEST_F(IndexUpdaterTest, ReadsWhatItMissedAgain) {
  IndexUpdater updater(archive_, [](const std::string& warning) { FAIL() << warning; });
  {
    const auto held = hold_index();
    updater.segment_archived(store_segment({kOne, 4}));
  }
  std::filesystem::remove(layout_.archived({kOne, 4}, size_));
  archive_with_times({kOne, 4});
  const auto replaced = test::rows_of(catalog_);
  auto stale = replaced.front();
  stale.last_time.reset();
  catalog_.add_segment(stale);
  updater.segment_archived(store_segment({kOne, 5}));
  EXPECT_EQ(test::rows_of(catalog_).front(), replaced.front());
}

TEST_F(IndexUpdaterTest, AFileThatCannotBeReadKeepsNoLaterOneOut) {
  IndexUpdater updater(archive_, [](const std::string& warning) { FAIL() << warning; });
  const auto gone = store_segment({kOne, 4});
  std::filesystem::remove(layout_.archived({kOne, 4}, size_));
  updater.segment_archived(gone);
  updater.segment_archived(store_segment({kOne, 5}));
  EXPECT_EQ(catalog_.segment_count(), 1u);
}

/// Of a file that is read with it: the index is sound, and nobody makes it again.
TEST_F(IndexUpdaterTest, IsNotRemovedForAnotherFileThatCannotBeRead) {
  const auto trouble =
      note_in_index(layout_, [&](ServerCatalog&) { throw StorageError(EIO, layout_.run_journal(), "read"); });
  EXPECT_THAT(trouble.value(), HasSubstr("runs.jsonl"));
  EXPECT_TRUE(ServerCatalog::open_to_read(layout_));
}

}  // namespace
}  // namespace pgkeep::catalog
