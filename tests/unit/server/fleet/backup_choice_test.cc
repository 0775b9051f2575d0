#include "server/fleet/backup_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"

namespace pgkeep::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BackupChoiceTest : public ::testing::Test {
 protected:
  static std::vector<store::BackupRecord> backups(const std::vector<std::string>& ids) {
    std::vector<store::BackupRecord> records;
    for (const auto& id : ids) records.emplace_back(store::BackupId::parse(id).value());
    return records;
  }
  std::string chosen(std::string_view wanted) const {
    return choose_backup(three_, wanted, "main", unread_).id.to_string();
  }
  template <typename Failure>
  std::string error_of(std::string_view wanted) const {
    try {
      choose_backup(three_, wanted, "main", unread_);
    } catch (const Failure& error) {
      return error.what();
    }
    return "no such error";
  }

  std::vector<store::UnreadBackup> unread_list_{};
  std::map<std::string, store::BackupId> names_{};
  BackupLookup unread_{.unread = [this] { return unread_list_; }, .names = [this] { return names_; }};
  std::vector<store::BackupRecord> three_ =
      backups({"20261118T020000Z", "20261119T020000Z", "20261120T020000Z"});
};

TEST_F(BackupChoiceTest, TakesAnId) {
  EXPECT_EQ(chosen("20261119T020000Z"), "20261119T020000Z");
}

TEST_F(BackupChoiceTest, KnowsLatestAndOldestByBothWords) {
  EXPECT_EQ(chosen("latest"), "20261120T020000Z");
  EXPECT_EQ(chosen("last"), "20261120T020000Z");
  EXPECT_EQ(chosen("oldest"), "20261118T020000Z");
  EXPECT_EQ(chosen("first"), "20261118T020000Z");
}

TEST_F(BackupChoiceTest, TakesAName) {
  names_.emplace("before-upgrade", three_[1].id);
  EXPECT_EQ(chosen("before-upgrade"), "20261119T020000Z");
  EXPECT_THAT(error_of<NotFound>("before"), HasSubstr("has no backup 'before'")) << "all of it";
}

TEST_F(BackupChoiceTest, SaysOfANameThatItsBackupCannotBeRead) {
  const auto id = store::BackupId::parse("20261117T020000Z").value();
  names_.emplace("before-upgrade", id);
  EXPECT_THAT(error_of<NotFound>("before-upgrade"), HasSubstr("no backup 20261117T020000Z any more"));
  unread_list_.push_back({.id = id, .why = "damaged"});
  EXPECT_THAT(error_of<Error>("before-upgrade"), HasSubstr("20261117T020000Z"));
}

TEST_F(BackupChoiceTest, TakesABeginningThatFitsOne) {
  EXPECT_EQ(chosen("20261119"), "20261119T020000Z");
}

TEST_F(BackupChoiceTest, NamesTheCandidatesOfABeginningThatFitsSeveral) {
  const auto said = error_of<UsageError>("202611");
  EXPECT_THAT(said, HasSubstr("the beginning of 3 backups"));
  EXPECT_THAT(said, HasSubstr("20261118T020000Z, 20261119T020000Z"));
}

TEST_F(BackupChoiceTest, SaysThatThereIsNoSuchBackup) {
  EXPECT_THAT(error_of<NotFound>("20251119"), HasSubstr("has no backup '20251119'"));
  EXPECT_THAT(error_of<NotFound>(""), HasSubstr("list-backups main"));
}

TEST_F(BackupChoiceTest, SaysThatAllAreNotMeant) {
  EXPECT_THAT(error_of<UsageError>("all"), HasSubstr("`all` is not taken here"));
}

TEST_F(BackupChoiceTest, SaysThatThereIsNoneAtAll) {
  EXPECT_THROW(choose_backup({}, "latest", "main", unread_), NotFound);
}

TEST_F(BackupChoiceTest, SaysOfOneThatCannotBeReadThatItIsThere) {
  const auto id = store::BackupId::parse("20261121T020000Z").value();
  unread_list_ = {{id, "/r/backup.json: cannot open: Permission denied", true}};
  for (const auto* wanted : {"20261121T020000Z", "20261121"}) {
    EXPECT_THAT(error_of<Error>(wanted),
                AllOf(HasSubstr("backup 20261121T020000Z is there, but its record cannot be read"),
                      HasSubstr("/r/backup.json")));
  }
  EXPECT_EQ(chosen("latest"), "20261120T020000Z");
  three_.clear();
  EXPECT_THAT(error_of<Error>("latest"), HasSubstr("20261121T020000Z is there"));
  unread_list_.front().denied = false;
  EXPECT_THAT(error_of<Error>("oldest"), HasSubstr("its record is damaged"));
}

}  // namespace
}  // namespace pgkeep::server
