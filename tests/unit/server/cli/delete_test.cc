#include "server/cli/delete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/records/run_journal.h"
#include "catalog/retention/retention_marks.h"
#include "catalog/store/backup_lease.h"
#include "catalog/store/commit_chain.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kFirst = "20261120T020000Z";
constexpr const char* kSecond = "20261121T020000Z";
constexpr const char* kThird = "20261122T020000Z";

/// Three backups, in segments 5, 6 and 8 of those from 4 to 9, and no retention policy.
class DeleteTest : public CommandTest {
 protected:
  DeleteTest() {
    for (std::uint64_t number = 4; number < 10; ++number) archived({test::kOne, number});
    commit_backup(kFirst, 0x500028, 0x580000);
    commit_backup(kSecond, 0x600028, 0x680000);
    commit_backup(kThird, 0x800028, 0x880000);
    std::filesystem::create_directories(layout_.packs());
  }
  void retain(const std::string& policy) {
    configure("  main:\n    conninfo: host=nowhere\n    active: false\n    retention: {" + policy + "}\n");
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
  std::vector<std::uint64_t> segments() const {
    std::vector<std::uint64_t> numbers;
    for (const auto& segment : archive_.inventory().segments) numbers.push_back(segment.number);
    return numbers;
  }
  static store::BackupId id(const char* text) { return store::BackupId::parse(text).value(); }
  catalog::RetentionMarks marks_of(const char* name) const {
    return catalog::read_retention_marks(layout_, id(name));
  }
  void damage_record_of(const char* name) {
    io::write_file_durably(layout_.record(id(name)), io::as_bytes("{}"));
  }
};

TEST_F(DeleteTest, MarksABackupAndSaysWhatGoesWhenAndWhatBringsItBack) {
  const auto said = run_line({"delete", "main", "oldest", "--reason", "of the migration"});
  EXPECT_EQ(said.exit, Exit::ok) << said.talk;
  const auto mark = marks_of(kFirst).expired.value();
  EXPECT_THAT(said.results,
              AllOf(HasSubstr("backup 20261120T020000Z of main is deleted"),
                    HasSubstr("from " + io::format_time(mark.at + std::chrono::hours(24)) + " on removes it"),
                    HasSubstr("1 WAL segment"), HasSubstr("`pgkeep undelete main 20261120T020000Z`")));
  EXPECT_EQ(mark.by, catalog::ExpiryMark::By::operator_);
  EXPECT_EQ(mark.why, "deleted: of the migration");
  EXPECT_THAT(left(), SizeIs(3));
  EXPECT_THAT(segments(), SizeIs(6));
  EXPECT_EQ(catalog::RunJournal(layout_).read().back().subject, kFirst);
  EXPECT_THAT(run_line({"list-backups", "main"}).results, HasSubstr("deleted: of the migration, goes from "));
  EXPECT_EQ(document({"list-backups", "main"})["data"][0]["retention"]["expired"]["by"], "operator");
}

TEST_F(DeleteTest, TellsAProgramWhatGoesAndWhen) {
  const auto json = data(run_delete, deleting({"oldest"}))[0];
  EXPECT_EQ(json["id"], kFirst);
  EXPECT_EQ(json["removed"], false);
  EXPECT_EQ(json["goes_at"], io::format_rfc3339(marks_of(kFirst).expired->at + std::chrono::hours(24)));
  EXPECT_EQ(json["wal_segments"], 1);
  EXPECT_GT(json["wal_bytes"], 0);
  EXPECT_EQ(json["freed_bytes"], nullptr) << "its file table cannot be read";
}

TEST_F(DeleteTest, SaysOfEachWhatGoesBesideThoseThatAreDeletedBefore) {
  const auto json = data(run_delete, deleting({kSecond, kFirst}));
  EXPECT_EQ(json[0]["wal_segments"], 0) << "the first needs it, too";
  EXPECT_EQ(json[1]["wal_segments"], 3) << "5 to 7";
}

TEST_F(DeleteTest, MarksNothingTwice) {
  run_line({"delete", "main", "oldest", "--reason", "a"});
  const auto before = marks_of(kFirst);
  EXPECT_THAT(run_line({"delete", "main", "oldest", "--reason", "b"}).results,
              HasSubstr("was already deleted"));
  EXPECT_EQ(marks_of(kFirst), before) << "nor later";
}

TEST_F(DeleteTest, WhatTheNextExpiryRemovesWithoutAPolicyIsThatAndTheWalThatNothingElseNeeds) {
  retain("grace: 0");
  run_line({"delete", "main", "oldest"});
  EXPECT_EQ(run_line({"expire", "main"}).exit, Exit::ok);
  EXPECT_THAT(left(), ElementsAre(kSecond, kThird));
  EXPECT_THAT(segments(), ElementsAre(6, 7, 8, 9));
}

TEST_F(DeleteTest, NothingGoesBeforeTheGraceTimeIsOver) {
  run_line({"delete", "main", "oldest"});
  run_line({"expire", "main"});
  EXPECT_THAT(left(), SizeIs(3));
  EXPECT_THAT(segments(), ElementsAre(5, 6, 7, 8, 9)) << "4 is of no use to any backup";
}

TEST_F(DeleteTest, APolicyThatWouldKeepItDoesNotBringItBack) {
  retain("redundancy: 3, grace: 0");
  run_line({"delete", "main", kSecond});
  run_line({"expire", "main"});
  EXPECT_THAT(left(), ElementsAre(kFirst, kThird));
}

TEST_F(DeleteTest, UndeleteBringsItBackAsItWas) {
  run_line({"delete", "main", "oldest"});
  EXPECT_THAT(run_line({"undelete", "main", "oldest"}).results, HasSubstr("is back, and left to"));
  EXPECT_EQ(marks_of(kFirst), catalog::RetentionMarks());
}

TEST_F(DeleteTest, RefusesTheLastGoodBackup) {
  const auto said = run_line({"delete", "main", kFirst, kSecond, kThird});
  EXPECT_EQ(said.exit, Exit::refused);
  EXPECT_THAT(said.talk, AllOf(HasSubstr("no good backup would be left"), HasSubstr("nothing was deleted")));
  EXPECT_FALSE(marks_of(kFirst).expired);
  EXPECT_EQ(run_line({"delete", "main", kFirst, kSecond}).exit, Exit::ok);
  for (const auto* how : {"--now", "--quiet"})
    EXPECT_EQ(run_line({"delete", "main", kThird, how}).exit, Exit::refused) << "the others are deleted";
  EXPECT_EQ(run_line({"delete", "main", kThird, "--force"}).exit, Exit::ok);
  EXPECT_TRUE(marks_of(kThird).expired);
}

TEST_F(DeleteTest, RefusesTheLastGoodBackupBesideDamagedOnes) {
  for (const auto* name : {kFirst, kSecond}) {
    catalog::change_retention_marks(layout_, id(name), [](catalog::RetentionMarks& marks) {
      marks.damaged = {kMorning, "bits"};
    });
  }
  EXPECT_EQ(run_line({"delete", "main", kThird, "--now"}).exit, Exit::refused);
  EXPECT_EQ(run_line({"delete", "main", kFirst, kSecond}).exit, Exit::ok) << "these are of no use";
  EXPECT_THAT(left(), SizeIs(3));
}

TEST_F(DeleteTest, RefusesOneThatIsKept) {
  run_line({"keep", "main", "oldest", "--reason", "audit"});
  for (const auto* how : {"--now", "--force"}) {
    const auto said = run_line({"delete", "main", kSecond, kFirst, how});
    EXPECT_EQ(said.exit, Exit::refused);
    EXPECT_THAT(said.talk, AllOf(HasSubstr("is to be kept: audit"), HasSubstr("nothing was deleted")));
  }
  EXPECT_THAT(left(), SizeIs(3));
  EXPECT_FALSE(marks_of(kSecond).expired);
}

TEST_F(DeleteTest, RemovesAtOnceWhenAskedWithTheWalThatNothingElseNeeds) {
  const auto said = run_line({"delete", "main", "oldest", "--now"});
  EXPECT_THAT(said.results, AllOf(HasSubstr("backup 20261120T020000Z of main deleted"),
                                  HasSubstr("2 WAL segments that nothing needs")));
  EXPECT_THAT(left(), ElementsAre(kSecond, kThird));
  EXPECT_THAT(segments(), ElementsAre(6, 7, 8, 9));
  EXPECT_EQ(document({"list-backups", "main"})["data"].size(), 2u);
}

TEST_F(DeleteTest, KeepsTheWalOfOneThatIsOnlyMarkedWhenAnotherIsRemovedAtOnce) {
  run_line({"delete", "main", kFirst});
  run_line({"delete", "main", kSecond, "--now"});
  EXPECT_THAT(segments(), ElementsAre(5, 6, 7, 8, 9));
  const auto json = data(run_delete, deleting({kFirst}))[0];
  EXPECT_EQ(json["wal_segments"], 3) << "5 to 7";
}

TEST_F(DeleteTest, ChoosesAllBeforeTheFirstIsRemoved) {
  auto both = deleting({"oldest", "20261120", kSecond});
  both.now = true;
  const auto json = data(run_delete, both);
  EXPECT_THAT(json, SizeIs(2));
  EXPECT_EQ(json[1]["id"], kSecond);
  EXPECT_EQ(json[1]["removed"], true);
  EXPECT_EQ(json[1]["wal_segments"], 2);
  EXPECT_THAT(left(), ElementsAre(kThird));
  EXPECT_EQ(catalog::RunJournal(layout_).read().back().subject, kSecond);
}

TEST_F(DeleteTest, DeletesNothingWhenOneIsNotThere) {
  EXPECT_THROW(run(run_delete, deleting({"oldest", "2025"})), NotFound);
  EXPECT_FALSE(marks_of(kFirst).expired);
}

TEST_F(DeleteTest, MarksWhatIsBeingReadAndDoesNotRemoveIt) {
  const store::BackupLease reader(layout_, id(kFirst));
  EXPECT_EQ(run_line({"delete", "main", kFirst, "--now"}).exit, Exit::busy);
  EXPECT_EQ(run_line({"delete", "main", kFirst}).exit, Exit::ok);
  retain("grace: 0");
  run_line({"expire", "main"});
  EXPECT_THAT(left(), SizeIs(3));
}

TEST_F(DeleteTest, TakesABackupWhoseRecordIsDamagedByItsWholeIdAndAtOnce) {
  damage_record_of(kSecond);
  EXPECT_THROW(run(run_delete, deleting({"20261121"})), Error);
  EXPECT_THAT(run(run_delete, deleting({kSecond})).results,
              HasSubstr("backup 20261121T020000Z of main deleted"));
  EXPECT_THAT(left(), ElementsAre(kFirst, kThird));
  EXPECT_THAT(segments(), SizeIs(6));
}

TEST_F(DeleteTest, RemovesNoWalAtOnceThatABackupMayNeedWhoseRecordCannotBeRead) {
  damage_record_of(kSecond);
  run_line({"delete", "main", kFirst, "--now"});
  EXPECT_THAT(segments(), SizeIs(6));
}

TEST_F(DeleteTest, NotesWhatWasDeletedWhenAndWhy) {
  run_line({"delete", "main", "oldest", "--now", "--reason", "taken by mistake"});
  const auto noted = store::read_deletions(layout_);
  ASSERT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].id, store::BackupId::parse("20261120T020000Z"));
  EXPECT_EQ(noted[0].why, "deleted by an operator: taken by mistake");
}

TEST_F(DeleteTest, GivesUpABackupThatIsMissingOnlyOnce) {
  auto fourth = commit_backup("20261123T020000Z", 0x900028, 0x980000);
  fourth.sequence = 3;
  io::write_file_durably(layout_.record(fourth.id), io::as_bytes(fourth.to_json()));
  auto arguments = deleting({});
  arguments.missing = 2;
  EXPECT_FALSE(store::examine_chain(layout_).is_sound());
  EXPECT_THAT(run(run_delete, arguments).results,
              HasSubstr("number 2 of main, which was missing, is given up"));
  EXPECT_TRUE(store::examine_chain(layout_).is_sound());
  EXPECT_THROW(run(run_delete, arguments), NotFound);
  EXPECT_EQ(left().size(), 4u);
}

TEST_F(DeleteTest, AsksWhichBackups) {
  EXPECT_THROW(run(run_delete, deleting({})), UsageError);
}

}  // namespace
}  // namespace pgkeep::server
