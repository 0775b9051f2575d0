#include "catalog/index/stored_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/unit/catalog/index/server_catalog_fixture.h"

namespace pgkeep::catalog {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoredRowsTest : public ServerCatalogFixture {};

TEST_F(StoredRowsTest, AskingNeitherLooksThroughItNorWritesIt) {
  take_backup("20261120T020000Z");
  commit_backup("20261121T020000Z");
  store_segment({kOne, 4});
  const auto kept = catalog_.dump();
  ServerCatalog::open_to_read(layout_).value();
  EXPECT_EQ(catalog_.dump(), kept);
}

TEST_F(StoredRowsTest, AskingIsGivenNoneThatWouldHaveToBeMade) {
  io::Database(layout_.index(), io::Database::Mode::read_write)
      .execute("UPDATE meta SET value = 1 WHERE key = 'schema_version'");
  EXPECT_FALSE(ServerCatalog::open_to_read(layout_));
  std::filesystem::remove(layout_.index());
  EXPECT_FALSE(ServerCatalog::open_to_read(layout_));
  EXPECT_FALSE(std::filesystem::exists(layout_.index()));
}

TEST_F(StoredRowsTest, WhatTheIndexLacksIsReadFromTheFiles) {
  take_backup("20261120T020000Z");
  take_backup("20261121T020000Z");
  run("backup", RunOutcome::succeeded, "", "");
  forget_files("20261120T020000Z");
  commit_backup("20261122T020000Z");
  auto ended = journal_.begin("backup", "");
  catalog_.add_runs();
  journal_.end(ended, RunOutcome::failed, "killed", "");
  const auto running = journal_.begin("delete", "");

  auto index = ServerCatalog::open_to_read(layout_).value();
  std::vector<std::string> unreadable;
  const auto backups = stored_backups(index, layout_, unreadable);
  const auto runs = stored_runs(index, layout_, 2);
  EXPECT_THAT(unreadable, IsEmpty());
  EXPECT_THAT(runs, ElementsAre(running, ended));
  auto sound = ServerCatalog::open(layout_);
  ASSERT_THAT(backups, SizeIs(2));
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(backups[i].to_json(), sound.backups()[i].to_json());
}

TEST_F(StoredRowsTest, AskingHearsOfFilesThatCannotBeRead) {
  const auto damaged = commit_backup("20261121T020000Z");
  io::write_file_durably(layout_.record(damaged.id), io::as_bytes("{"));
  // Something else than a file stands there, which is read as little as one whose disk fails.
  io::make_directories(layout_.record(backup_id("20261122T020000Z")));
  std::vector<std::string> unreadable;
  EXPECT_THAT(stored_backups(catalog_, layout_, unreadable), IsEmpty());
  EXPECT_THAT(unreadable, ElementsAre(HasSubstr("20261121T020000Z"), HasSubstr("20261122T020000Z")));
}

}  // namespace
}  // namespace pgkeep::catalog
