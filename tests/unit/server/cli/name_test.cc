#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/retention/retention_marks.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kFirst = "20261120T020000Z";
constexpr const char* kSecond = "20261121T020000Z";

/// Two backups, the first of which is called `before-upgrade`.
class NameTest : public CommandTest {
 protected:
  NameTest() {
    store_a_little();
    commit_backup(kSecond, 0x600028, 0x680000);
    named_ = run_line({"name", "main", "oldest", "before-upgrade"});
  }
  catalog::RetentionMarks marks_of(const char* name) const {
    return catalog::read_retention_marks(layout_, store::BackupId::parse(name).value());
  }

  Said named_;
};

TEST_F(NameTest, IsUsedLikeAnIdByCommandsThatTakeABackup) {
  EXPECT_THAT(named_.results, HasSubstr("backup 20261120T020000Z of main is called before-upgrade"));
  for (const auto* command : {"show-backup", "keep", "release", "delete", "undelete"}) {
    const auto said = run_line({command, "main", "before-upgrade"});
    EXPECT_EQ(said.exit, Exit::ok) << command << ": " << said.talk;
    EXPECT_THAT(said.results, HasSubstr(kFirst)) << command;
  }
  EXPECT_EQ(run_line({"annotate", "main", "before-upgrade", "text"}).exit, Exit::ok);
  EXPECT_EQ(marks_of(kFirst).note, "text");
  EXPECT_THAT(run_line({"list-files", "main", "before-upgrade"}).talk, HasSubstr(kFirst));
  EXPECT_THAT(run_line({"verify-backup", "main", "before-upgrade"}).results, HasSubstr(kFirst));
  EXPECT_THAT(run_line({"recover", "main", "before-upgrade", directory_ / "new", "--dry-run"}).talk,
              Not(HasSubstr("has no backup")));
}

TEST_F(NameTest, IsShown) {
  EXPECT_THAT(run_line({"list-backups", "main"}).results, HasSubstr("name before-upgrade"));
  EXPECT_THAT(run_line({"show-backup", "main", "first"}).results, HasSubstr("before-upgrade"));
  for (const auto* command : {"list-backups", "show-backup"}) {
    std::vector<std::string> words{command, "main"};
    if (words[0] == "show-backup") words.emplace_back("oldest");
    const auto said = document(words)["data"];
    EXPECT_EQ((said.is_array() ? said[0] : said)["retention"]["name"], "before-upgrade");
  }
}

TEST_F(NameTest, BelongsToOneBackup) {
  const auto said = run_line({"name", "main", "latest", "before-upgrade"});
  EXPECT_EQ(said.exit, Exit::refused);
  EXPECT_THAT(said.talk, HasSubstr("backup 20261120T020000Z of main has the name before-upgrade"));
  EXPECT_EQ(marks_of(kSecond), catalog::RetentionMarks());
  EXPECT_EQ(run_line({"name", "main", "oldest", "before-upgrade"}).exit, Exit::ok) << "it has it";
}

TEST_F(NameTest, IsReplacedAndTakenAway) {
  run_line({"name", "main", "before-upgrade", "v17"});
  EXPECT_EQ(run_line({"show-backup", "main", "before-upgrade"}).exit, Exit::not_found);
  EXPECT_EQ(run_line({"name", "main", "v17", ""}).exit, Exit::ok);
  EXPECT_EQ(marks_of(kFirst), catalog::RetentionMarks());
  EXPECT_EQ(run_line({"name", "main", "latest", "v17"}).exit, Exit::ok);
}

TEST_F(NameTest, CannotBeTakenForAnythingElse) {
  for (const auto* name :
       {"latest", "last", "oldest", "first", "all", "auto", "2026", kFirst, "-x", "a b", "ä", "a/b", ".x"}) {
    const auto said = run_line({"name", "main", "--", "latest", name});
    EXPECT_EQ(said.exit, Exit::usage) << name;
  }
  EXPECT_EQ(run_line({"name", "main", "latest", std::string(65, 'a')}).exit, Exit::usage);
  EXPECT_EQ(run_line({"name", "main", "latest", std::string(64, 'a')}).exit, Exit::ok);
}

TEST_F(NameTest, ThatIsMistypedIsGuessed) {
  EXPECT_THAT(run_line({"show-backup", "main", "before-upgrad"}).talk, HasSubstr("before-upgrade"));
}

TEST_F(NameTest, GoesWithTheBackup) {
  run_line({"delete", "main", "before-upgrade", "--now"});
  EXPECT_EQ(run_line({"name", "main", "latest", "before-upgrade"}).exit, Exit::ok);
}

// ------------------------------------------------------------------------- marks of show-backup

TEST_F(NameTest, StandsBesideWhatElseWasDecided) {
  catalog::change_retention_marks(layout_, store::BackupId::parse(kFirst).value(),
                                  [](catalog::RetentionMarks& marks) {
                                    marks.keep = {kMorning, kMorning + std::chrono::days(9), "audit"};
                                    marks.damaged = {kMorning, "2 findings"};
                                    marks.note = "the last on 17";
                                  });
  const auto said = run_line({"show-backup", "main", "oldest"}).results;
  EXPECT_THAT(said, AllOf(HasSubstr("until 2026-11-29"), HasSubstr("audit"), HasSubstr("DAMAGED"),
                          HasSubstr("2 findings"), HasSubstr("the last on 17")));
  run_line({"release", "main", "oldest"});
  run_line({"delete", "main", "oldest", "--reason", "x"});
  EXPECT_THAT(run_line({"show-backup", "main", "oldest"}).results,
              AllOf(HasSubstr("deleted"), HasSubstr("goes from"), HasSubstr("deleted: x")));
}

}  // namespace
}  // namespace pgkeep::server
