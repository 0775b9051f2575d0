#include "server/cli/delete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/records/run_journal.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::HasSubstr;

class DeleteTest : public CommandTest {
 protected:
  DeleteTest() {
    store_a_little();
    commit_backup("20261121T020000Z", 0x600028, 0x680000);
  }
  static DeleteArguments deleting(std::vector<std::string> backups) {
    DeleteArguments arguments;
    arguments.server = "main";
    arguments.backups = std::move(backups);
    return arguments;
  }
  std::vector<std::string> left() const {
    std::vector<std::string> ids;
    for (const auto& backup : store::list_backup_records(layout_).backups)
      ids.push_back(backup.id.to_string());
    return ids;
  }
};

TEST_F(DeleteTest, ChoosesAllBeforeTheFirstIsDeleted) {
  EXPECT_EQ(data(run_delete, deleting({"oldest", "20261120"})).dump(),
            R"([{"server":"main","id":"20261120T020000Z","freed_bytes":0}])");
  EXPECT_EQ(left(), std::vector<std::string>{"20261121T020000Z"});
  EXPECT_EQ(catalog::RunJournal(layout_).read().back().subject, "20261120T020000Z");
}

TEST_F(DeleteTest, DeletesNothingWhenOneIsNotThere) {
  EXPECT_THROW(run(run_delete, deleting({"oldest", "2025"})), NotFound);
  EXPECT_EQ(left().size(), 2u);
}

TEST_F(DeleteTest, TakesABackupWhoseRecordIsDamagedByItsWholeId) {
  io::write_file_durably(layout_.record(store::BackupId::parse("20261121T020000Z").value()),
                         io::as_bytes("{}"));
  EXPECT_THROW(run(run_delete, deleting({"20261121"})), Error);
  EXPECT_THAT(run(run_delete, deleting({"20261121T020000Z"})).results,
              HasSubstr("backup 20261121T020000Z of main deleted"));
}

}  // namespace
}  // namespace pgkeep::server
