#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/records/run_journal.h"
#include "catalog/store/backup_lease.h"
#include "tests/support/verification_fixture.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

io::ByteVector bytes(std::string_view text) {
  const auto view = io::as_bytes(text);
  return {view.begin(), view.end()};
}

/// Server `main` has a backup with all its files, and the WAL that it needs.
class StoredBackupTest : public catalog::VerificationTest {
 protected:
  StoredBackupTest() {
    std::ofstream(config_) << "repository: " << (directory_ / "repository").native()
                           << "\nservers:\n  main: {conninfo: host=nowhere}\n";
    auto content = sound_content();
    content["postgresql.conf"] = bytes("archive_command = 'cp %p /archive/%f'\n");
    content["postgresql.auto.conf"] = bytes("");
    content["pg_hba.conf"] = bytes("");
    content["PG_VERSION"] = bytes("18\n");
    take_backup(content);
  }
  Said run_line(const std::vector<std::string>& words) { return server::run_line(config_, words); }
  Json data(std::vector<std::string> words) {
    words.emplace_back("--json");
    return Json::parse(run_line(words).results).at("data");
  }
  Said recover(const std::vector<std::string>& options = {}) {
    std::vector<std::string> words{"recover", "main", "latest", destination_};
    words.insert(words.end(), options.begin(), options.end());
    return run_line(words);
  }
  void damage() { catalog::flip(newest_pack(store::PackKind::full), 200); }

  std::filesystem::path config_ = directory_ / "pgkeep.yaml";
  std::filesystem::path destination_ = directory_ / "recovered";
};

TEST_F(StoredBackupTest, ListBackupsTellsWhatADeletionFrees) {
  const auto backup = data({"list-backups"}).at(0);
  std::uint64_t bytes = 0;
  for (const auto& folder : {layout_.packs(), layout_.backups()})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) bytes += entry.file_size();
  EXPECT_EQ(backup.at("frees_bytes"), bytes);
  EXPECT_THAT(run_line({"list-backups"}).results, HasSubstr(io::format_bytes(bytes)));
  const auto deleted = data({"delete", "main", "latest", "--force"}).at(0);
  EXPECT_EQ(deleted.at("freed_bytes"), data({"list-backups"}).at(0).at("frees_bytes"));
}

TEST_F(StoredBackupTest, ShowServerTellsWhatThePacksAreThereFor) {
  const auto alive = data({"show-server", "main"}).at(0).at("packs");
  EXPECT_GT(alive.at("alive_bytes"), 0);
  EXPECT_EQ(alive.at("in_grace_bytes"), 0);
  run_line({"delete", "main", "latest", "--force"});
  const auto marked = data({"show-server", "main"}).at(0).at("packs");
  EXPECT_EQ(marked.at("alive_bytes"), 0);
  EXPECT_EQ(marked.at("in_grace_bytes"), alive.at("alive_bytes"));
  EXPECT_THAT(run_line({"show-server", "main"}).results, HasSubstr("only by backups in their grace time"));
}

TEST_F(StoredBackupTest, ShowServerTellsTheRestWhenABackupThatGoesIsDamaged) {
  run_line({"delete", "main", "latest", "--force"});
  std::filesystem::remove(layout_.contents(newest_->id));
  const auto said = run_line({"show-server", "main"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_THAT(said.results, AllOf(HasSubstr("host=nowhere"), HasSubstr("PostgreSQL 18"), HasSubstr("disk")));
  EXPECT_THAT(said.talk, AllOf(HasSubstr("main: what its packs are there for is not known"),
                               HasSubstr(layout_.contents(newest_->id).native())));
  const auto json = data({"show-server", "main"}).at(0);
  EXPECT_EQ(json.at("packs").at("alive_bytes"), nullptr);
  EXPECT_GT(json.at("space").at("total_bytes"), 0);
}

TEST_F(StoredBackupTest, TheRestIsToldWhenThePacksCannotBeListed) {
  std::filesystem::rename(layout_.packs(), directory_ / "aside");
  std::ofstream(layout_.packs()) << "no folder";
  const auto shown = run_line({"show-server", "main"});
  EXPECT_EQ(shown.exit, Exit::ok);
  EXPECT_THAT(shown.results, HasSubstr("host=nowhere"));
  EXPECT_THAT(shown.talk, HasSubstr("what its packs are there for is not known"));
  const auto listed = run_line({"list-backups", "main"});
  EXPECT_EQ(listed.exit, Exit::ok);
  EXPECT_THAT(listed.results, HasSubstr(newest_->id.to_string()));
  EXPECT_THAT(listed.talk, HasSubstr("what a deletion would free is not known"));
  EXPECT_EQ(run_line({"status", "all"}).exit, Exit::ok);
}

TEST_F(StoredBackupTest, ShowServerTellsTheRestWhenTheIdentityIsDamaged) {
  std::ofstream(layout_.identity()) << "{}";
  const auto said = run_line({"show-server", "main"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_THAT(said.results, HasSubstr("host=nowhere"));
  EXPECT_THAT(said.talk, AllOf(HasSubstr("main: its cluster cannot be told"), HasSubstr("identity.json")));
}

TEST_F(StoredBackupTest, ListFilesShowsEachWithTypeSizeModeAndTime) {
  const auto said = run_line({"list-files", "main", "latest"});
  EXPECT_THAT(said.results, HasSubstr("-0600             3  1970-01-01T00:00:01Z  PG_VERSION\n"));
  EXPECT_THAT(said.results, AllOf(HasSubstr("d0700"), HasSubstr("  base/\n")));
  const auto json = data({"list-files", "main", "latest"});
  EXPECT_EQ(json.at("id"), "20261120T020000Z");
  EXPECT_THAT(json.at("files"), Contains(Json::parse(R"({"path": "PG_VERSION", "type": "file", "size": 3,
      "mode": "0600", "modified": "1970-01-01T00:00:01Z"})")));
}

TEST_F(StoredBackupTest, VerifyBackupTellsWhatItHasRead) {
  auto json = data({"verify-backup", "main", "latest"}).at(0);
  EXPECT_GT(json.at("bytes"), 0);
  json["bytes"] = 0;
  EXPECT_EQ(json.dump(), R"({"server":"main","id":"20261120T020000Z","good":true,"formats_known":true,)"
                         R"("files":10,"bytes":0,"wal_segments":2,"findings":[]})");
  EXPECT_THAT(run_line({"verify-backup", "main", "all"}).results,
              HasSubstr("backup 20261120T020000Z of main is good"));
  EXPECT_EQ(run_line({"verify-backup", "main", "latest", "--quiet"}).results, "");
}

TEST_F(StoredBackupTest, VerifyBackupFailsForADamagedOneAndSaysWhere) {
  damage();
  const auto said = run_line({"verify-backup", "main", "latest", "--quiet"});
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.results, AllOf(HasSubstr("is DAMAGED"), HasSubstr("00000001.full")));
  EXPECT_THAT(said.talk, HasSubstr("1 of 1 backups of main are damaged"));
  const auto json = data({"verify-backup", "main", "latest"}).at(0);
  EXPECT_EQ(json.at("good"), false);
  EXPECT_FALSE(json.at("findings").at(0).at("message").get<std::string>().empty());
  EXPECT_EQ(catalog::RunJournal(layout_).read().back().outcome, catalog::RunOutcome::failed);
}

TEST_F(StoredBackupTest, StatusTellsOfAFailedVerificationUntilOneSucceeds) {
  const auto last_failed = [&] { return data({"status", "all"}).at(0).at("last_failed_run"); };
  const auto wal = archived_path(6);
  std::filesystem::rename(wal, directory_ / "aside");
  ASSERT_EQ(run_line({"verify-backup", "main", "latest"}).exit, Exit::failed);
  EXPECT_EQ(last_failed().at("kind"), "verify-backup");
  EXPECT_EQ(last_failed().at("outcome"), "failed");
  std::filesystem::rename(directory_ / "aside", wal);
  ASSERT_EQ(run_line({"verify-backup", "main", "latest"}).exit, Exit::ok);
  EXPECT_EQ(last_failed(), nullptr);
}

TEST_F(StoredBackupTest, WhatAVerificationFindsIsNotedUntilOneFindsNothing) {
  const auto noted = [&] { return data({"list-backups", "main"}).at(0).at("retention").at("damaged"); };
  const auto wal = archived_path(6);
  std::filesystem::rename(wal, directory_ / "aside");
  run_line({"verify-backup", "main", "latest"});
  EXPECT_THAT(noted().at("why").get<std::string>(), HasSubstr("a verification found damage: "));
  EXPECT_THAT(run_line({"list-backups", "main"}).results, HasSubstr("DAMAGED"));
  std::filesystem::rename(directory_ / "aside", wal);
  run_line({"verify-backup", "main", "latest"});
  EXPECT_EQ(noted(), nullptr);
}

TEST_F(StoredBackupTest, VerifySaysWhatItHasReadAndThatAllIsSound) {
  const auto said = run_line({"verify", "main"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_THAT(said.results, AllOf(HasSubstr("3 WAL segments and 1 backup read back"),
                                  HasSubstr("everything was read back or written after")));
  const auto json = data({"verify", "main", "--older-than", "1d"}).at(0);
  EXPECT_EQ(json.at("good"), true);
  EXPECT_EQ(json.at("packs"), 0) << "all of it was read just now";
  EXPECT_EQ(catalog::RunJournal(layout_).read().back().kind, "verify");
}

TEST_F(StoredBackupTest, VerifyFailsForWhatIsDamagedAndSaysWhoNeedsIt) {
  damage();
  const auto said = run_line({"verify", "main"});
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.results,
              AllOf(HasSubstr("pack 00000001"), HasSubstr("needed by 1 backup: 20261120T020000Z"),
                    HasSubstr("for backup_label")));
  EXPECT_EQ(data({"verify", "main"}).at(0).at("damage").at(0).at("backups").at(0), "20261120T020000Z");
  const auto run = catalog::RunJournal(layout_).read().back();
  EXPECT_EQ(run.outcome, catalog::RunOutcome::succeeded) << "it has done what it had to";
  EXPECT_THAT(run.subject, AllOf(HasSubstr("DAMAGED: "), HasSubstr("00000001.full")));
  EXPECT_THAT(run_line({"list-backups", "main"}).results, HasSubstr("DAMAGED"));
}

TEST_F(StoredBackupTest, VerifyTakesTheLimitsOfTheServerUnlessOthersAreGiven) {
  std::ofstream(config_) << "repository: " << (directory_ / "repository").native()
                         << "\nservers:\n  main: {conninfo: host=nowhere, verification: {older_than: 1d}}\n";
  EXPECT_EQ(data({"verify", "main"}).at(0).at("wal_segments"), 0);
  EXPECT_EQ(data({"verify", "main", "--older-than", "0"}).at(0).at("wal_segments"), 3);
  const auto json = data({"verify", "main", "--older-than", "0", "--budget", "1"}).at(0);
  EXPECT_GT(json.at("left_units"), 0);
  EXPECT_THROW(run_line({"verify", "main", "--budget", "much"}), UsageError);
  EXPECT_THROW(run_line({"verify", "main", "--older-than", "old"}), UsageError);
}

TEST_F(StoredBackupTest, RunJobVerifies) {
  EXPECT_EQ(data({"run-job", "main", "verify"}).at("result").at("good"), true);
  damage();
  EXPECT_EQ(run_line({"run-job", "main", "verify"}).exit, Exit::failed);
}

TEST_F(StoredBackupTest, ADryRunOfRecoverTellsThePlanAndWritesNothing) {
  const auto said = recover({"--dry-run"});
  EXPECT_EQ(said.exit, Exit::ok) << said.talk;
  EXPECT_THAT(said.results, AllOf(HasSubstr("20261120T020000Z"), HasSubstr(destination_.native()),
                                  HasSubstr("archive_command")));
  EXPECT_FALSE(std::filesystem::exists(destination_));
  EXPECT_TRUE(catalog::RunJournal(layout_).read().empty()) << "it is no recovery";
}

TEST_F(StoredBackupTest, TheDocumentOfADryRunHasThePlanAndNoReport) {
  const auto json = data({"recover", "main", "latest", destination_, "--dry-run", "--target-lsn", "0/680000",
                          "--target-action", "promote", "--exclusive"});
  EXPECT_THAT(json.at("target").get<std::string>(), HasSubstr("0/680000"));
  EXPECT_EQ(json.at("timeline"), 1);
  EXPECT_EQ(json.at("wal_segments"), 2);
  for (const auto* key : {"changed_settings", "review", "reset_commands", "override_reset_commands"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_FALSE(json.contains("report"));
}

TEST_F(StoredBackupTest, RecoverRefusesATargetAfterWhatIsHeld) {
  EXPECT_EQ(recover({"--target-lsn", "0/900000", "--dry-run"}).exit, Exit::refused);
  EXPECT_EQ(recover({"--target-tli", "7", "--dry-run"}).exit, Exit::refused);
}

TEST_F(StoredBackupTest, RecoverHasADocumentWithPlanAndReport) {
  const auto json = data({"recover", "main", "latest", destination_});
  std::string keys;
  for (const auto& [key, value] : json.items()) keys += key + " ";
  EXPECT_EQ(keys,
            "server id destination target timeline wal_end_lsn data_bytes wal_bytes wal_segments "
            "tablespaces created_tablespaces remarks report ");
  EXPECT_EQ(json.at("target"), "end of WAL");
  EXPECT_EQ(json.at("wal_end_lsn"), "0/700000");
  EXPECT_EQ(json.at("report").at("wal_segments"), 2);
  EXPECT_FALSE(json.at("report").at("start_commands").empty());
  EXPECT_TRUE(std::filesystem::exists(destination_ / "recovery.signal"));
  const auto run = catalog::RunJournal(layout_).read().back();
  EXPECT_EQ(run.kind, "recover");
  EXPECT_EQ(run.subject, destination_);
}

TEST_F(StoredBackupTest, RecoverDoesNotWriteIntoAFolderThatHoldsSomething) {
  std::filesystem::create_directory(destination_);
  std::ofstream(destination_ / "precious") << "x";
  EXPECT_NE(recover({"--dry-run"}).exit, Exit::ok) << "a dry run finds it too";
  const auto said = recover();
  EXPECT_EQ(said.exit, Exit::refused);
  EXPECT_THAT(said.talk, HasSubstr(destination_.native()));
  EXPECT_FALSE(std::filesystem::exists(destination_ / "PG_VERSION"));
}

TEST_F(StoredBackupTest, RecoverRefusesABackupWhoseWalIsNotThere) {
  std::filesystem::remove(archived_path(6));
  const auto said = recover({"--dry-run"});
  EXPECT_EQ(said.exit, Exit::refused);
  EXPECT_THAT(said.talk, HasSubstr("000000010000000000000006"));
}

TEST_F(StoredBackupTest, ABackupThatIsBeingReadIsNotDeleted) {
  {
    const store::BackupLease reading(layout_, newest_->id);
    const auto said = run_line({"delete", "main", "latest", "--now", "--force"});
    EXPECT_EQ(said.exit, Exit::busy);
    EXPECT_THAT(said.talk, HasSubstr("nothing was deleted, try again when that has ended"));
  }
  const auto json = data({"delete", "main", "latest", "--now", "--force"});
  EXPECT_GT(json.at(0).at("freed_bytes"), 0);
  EXPECT_EQ(data({"list-backups", "main"}), Json::array());
}

}  // namespace
}  // namespace pgkeep::server
