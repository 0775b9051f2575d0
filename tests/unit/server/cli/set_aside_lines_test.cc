#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/wal/set_aside_line.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What was held until now was set aside as line 1, with its backup; the new line has segment 9.
class SetAsideLinesTest : public CommandTest {
 protected:
  SetAsideLinesTest() {
    store_a_little();
    catalog::set_line_aside(layout_, "the server was restored");
    archived({test::kOne, 9});
  }
};

TEST_F(SetAsideLinesTest, ListWalNamesTheLineBesideTheCurrentWal) {
  const auto json = document({"list-wal", "main"}).at("data").at(0);
  EXPECT_EQ(json.at("ranges").at(0).at("begin_lsn"), "0/900000");
  EXPECT_EQ(json.at("gaps"), Json::array()) << "the gap is of the line that was set aside";
  auto line = json.at("lines").at(0);
  EXPECT_TRUE(line.at("set_aside").is_string());
  line["set_aside"] = "then";
  EXPECT_EQ(line.dump(), R"({"number":1,"set_aside":"then","why":"the server was restored","damage":null,)"
                         R"("timeline":1,"end_lsn":"0/900000","backups":1})");
}

TEST_F(SetAsideLinesTest, BackupsSayWhichLineTheyBelongTo) {
  commit_backup("20261121T020000Z", 0x900028, 0x980000);
  const auto list = document({"list-backups", "main"}).at("data");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].at("line"), 1);
  EXPECT_EQ(list[1].at("line"), nullptr);
  EXPECT_THAT(run_line({"list-backups", "main"}).results, HasSubstr("of line 1, set aside"));
  EXPECT_EQ(run_line({"list-backups", "main", "--minimal"}).results, "20261120T020000Z\n20261121T020000Z\n");
  EXPECT_EQ(document({"show-backup", "main", "oldest"}).at("data").at("line"), 1);
  EXPECT_THAT(run_line({"show-backup", "main", "oldest"}).results, HasSubstr("the server was restored"));
}

TEST_F(SetAsideLinesTest, StatusCountsTheBackupsOfTheCurrentLineOnly) {
  EXPECT_EQ(document({"status", "all"}).at("data").at(0).at("backups").at("count"), 0);
  commit_backup("20261121T020000Z", 0x900028, 0x980000);
  const auto backups = document({"status", "all"}).at("data").at(0).at("backups");
  EXPECT_EQ(backups.at("count"), 1);
  EXPECT_EQ(backups.at("oldest"), "20261121T020000Z");
}

TEST_F(SetAsideLinesTest, GetWalTakesThemFromTheLineThatIsAskedFor) {
  const auto file = directory_ / "wanted";
  EXPECT_EQ(run_line({"get-wal", "main", segment(6), file}).exit, Exit::failed);
  EXPECT_EQ(run_line({"get-wal", "--line", "1", "main", segment(6), file}).exit, Exit::ok);
  EXPECT_EQ(io::read_whole_file(file, 2 * test::kSampleSegmentBytes), test::sample_wal({test::kOne, 6}));
  EXPECT_EQ(run_line({"get-wal", "--line", "1", "main", segment(9), file}).exit, Exit::failed);
}

TEST_F(SetAsideLinesTest, VerifyWalLooksAtEachAndTellsWhichIsDamaged) {
  const auto good = document({"verify-wal", "main"}).at("data").at("lines");
  ASSERT_EQ(good.size(), 2u);
  EXPECT_EQ(good[0].at("line"), 1);
  EXPECT_EQ(good[0].at("segments"), 3);
  EXPECT_EQ(good[1].at("line"), nullptr) << "the current line is the last";
  EXPECT_EQ(good[1].at("segments"), 1);
  damage_archived({test::kOne, 9});
  const auto said = run_line({"verify-wal", "main"});
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.results, AllOf(HasSubstr("the WAL of main, line 1 is good"),
                                  HasSubstr("the WAL of main is DAMAGED"), HasSubstr(segment(9))));
}

TEST_F(SetAsideLinesTest, ADamagedRecordOfALineIsToldAndKeepsNothingElseFromBeingListed) {
  io::write_file_durably(layout_.line_record(1), io::as_bytes("{"));
  const auto json = document({"list-backups", "main"});
  ASSERT_EQ(json.at("data").size(), 1u);
  EXPECT_EQ(json.at("data")[0].at("line"), nullptr);
  EXPECT_THAT(json.at("warnings").dump(),
              AllOf(HasSubstr("line.json"), HasSubstr("has no checksum"), HasSubstr("another copy")));
  EXPECT_EQ(run_line({"recover", "main", "latest", directory_ / "new"}).exit, Exit::failed);
}

}  // namespace
}  // namespace pgkeep::server
