#include "recover/recovery.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ranges>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/io/hashing.h"
#include "catalog/postgres/tablespace_map.h"
#include "catalog/store/backup_lease.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/verification_fixture.h"

namespace pgkeep::recover {
namespace {

namespace fs = std::filesystem;
using catalog::Content;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

io::ByteVector bytes(std::string_view text) {
  const auto view = io::as_bytes(text);
  return {view.begin(), view.end()};
}

/// A server with WAL from segment 4 to 6 and backups that end in 6.
class RecoveryTest : public catalog::VerificationTest {
 protected:
  Content content_ = [] {
    auto content = sound_content();
    content["postgresql.conf"] = bytes("archive_command = 'cp %p /archive/%f'\n");
    content["postgresql.auto.conf"] = bytes("work_mem = '8MB'\n");
    content["pg_hba.conf"] = bytes("");
    content["PG_VERSION"] = bytes("18\n");
    return content;
  }();
  fs::path destination_ = directory_ / "recovered";
  RecoveryRequest request_ = [this] {
    RecoveryRequest request;
    request.server = "main";
    request.destination = destination_;
    request.jobs = 2;
    return request;
  }();

  RecoveryReport recover(const store::BackupRecord& record) {
    auto facts = gather_facts(layout_);
    // The fixture's records do not say where tablespaces lie; the test's one does.
    for (auto& backup : facts.backups) {
      backup.tablespaces = record.tablespaces;
      backup.configuration = record.configuration;
    }
    return carry_out(make_plan(request_, facts), repository_, layout_, progress_, stop_.get_token());
  }
  RecoveryReport recover() { return recover(take_backup(content_)); }
  io::ByteVector recovered(const std::string& path) const {
    return io::read_whole_file(destination_ / path, 64u << 20);
  }
  bool has(const std::string& path) const { return fs::exists(destination_ / path); }
};

TEST_F(RecoveryTest, GivesBackEveryFile) {
  const auto report = recover();
  for (const auto& [path, content] : content_) {
    if (path == "postgresql.auto.conf") continue;
    EXPECT_EQ(recovered(path), content) << path;
  }
  EXPECT_EQ(report.wal_segments, 2u);
  EXPECT_EQ(report.start_commands.empty(), false);
  struct stat status {};
  ASSERT_EQ(::stat(destination_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(RecoveryTest, LaysDownWalAndHistories) {
  catalog::WalArchiveWriter(archive_).store_history(catalog::kTwo, "1\t0/700000\tx\n");
  request_.target.timeline = catalog::kOne;
  received({catalog::kOne, 7}, 20000);
  recover();
  const auto size = test::sample_segment_size();
  for (const std::uint64_t number : {5, 6}) {
    const postgres::WalSegment segment{catalog::kOne, number};
    EXPECT_EQ(recovered("pg_wal/" + segment.name(size)), wal_of(segment));
  }
  const auto last = recovered("pg_wal/" + postgres::WalSegment{catalog::kOne, 7}.name(size));
  EXPECT_EQ(last.size(), size.bytes());
  EXPECT_TRUE(io::all_zero(io::ByteView(last).subspan(20000)));
  EXPECT_TRUE(has("pg_wal/00000002.history"));
  EXPECT_TRUE(has("pg_wal/archive_status") && has("pg_wal/summaries"));
}

TEST_F(RecoveryTest, GoesOnBehindAPartialThatEndsWithASwitch) {
  const postgres::WalSegment switched{catalog::kOne, 7};
  const auto wal = test::sample_wal_with_switch(switched, 20000);
  io::write_file_durably(layout_.partial(switched, test::sample_segment_size()), wal);
  received({catalog::kOne, 8}, 20000);
  const auto report = recover();
  EXPECT_EQ(report.wal_segments, 4u);
  EXPECT_EQ(recovered("pg_wal/" + switched.name(test::sample_segment_size())), wal);
}

TEST_F(RecoveryTest, RefusesAnIncompletePartialWithWalBehindIt) {
  received({catalog::kOne, 7}, 20000);
  received({catalog::kOne, 8}, 20000);
  EXPECT_THAT([&] { recover(); },
              ThrowsMessage<Refused>(HasSubstr("000000010000000000000007 is incomplete")));
}

TEST_F(RecoveryTest, NeutralisesSettingsAndSignalsRecovery) {
  const auto report = recover();
  EXPECT_THAT(io::as_text(recovered("postgresql.auto.conf")), HasSubstr("archive_command = ''"));
  EXPECT_THAT(report.changed_settings, Contains(HasSubstr("archive_command")));
  EXPECT_TRUE(has("recovery.signal"));
  EXPECT_FALSE(has("standby.signal"));
}

TEST_F(RecoveryTest, MakesNoStandbyOfABackupFromOne) {
  content_["standby.signal"] = {};
  const auto report = recover();
  EXPECT_FALSE(has("standby.signal"));
  EXPECT_THAT(report.changed_settings, Contains(HasSubstr("standby.signal")));
}

TEST_F(RecoveryTest, MakesAStandbyWhenAsked) {
  request_.standby = true;
  recover();
  EXPECT_TRUE(has("standby.signal"));
  EXPECT_FALSE(has("recovery.signal"));
}

TEST_F(RecoveryTest, SaysWhichConfigurationIsMissing) {
  content_.erase("postgresql.conf");
  const auto report = recover();
  EXPECT_THAT(report.review, Contains(HasSubstr("postgresql.conf is not in the backup")));
  EXPECT_THAT(report.start_commands.back(), HasSubstr("config_file="));
}

TEST_F(RecoveryTest, RelocatesATablespaceInMapLinkAndManifest) {
  content_["tablespace_map"] = bytes("16385 /srv/fast\n");
  content_["pg_tblspc/16385/PG_18_202506291/5/99"] = bytes("row");
  const auto location = directory_ / "fast here";
  request_.tablespaces = {{"fast", location}};
  auto record = take_backup(content_);
  record.tablespaces = {{16385, "fast", "/srv/fast"}};
  recover(record);
  EXPECT_EQ(fs::read_symlink(destination_ / "pg_tblspc/16385"), location);
  EXPECT_EQ(io::read_whole_file(location / "PG_18_202506291/5/99", 10), bytes("row"));
  content_["tablespace_map"] = bytes("16385 " + location.native() + "\n");
  EXPECT_EQ(recovered("tablespace_map"), content_["tablespace_map"]);
  EXPECT_EQ(recovered("backup_manifest"), catalog::manifest_of(content_, ranges_));
}

TEST_F(RecoveryTest, RefusesATablespaceWhosePathIsDamagedInTheRecord) {
  content_["tablespace_map"] = bytes("16385 /srv/sch\xf6n\n");
  auto record = take_backup(content_);
  record.tablespaces = {{16385, "fast", "/srv/sch\xef\xbf\xbdn"}};
  EXPECT_THAT([&] { recover(record); }, ThrowsMessage<Refused>(HasSubstr("--tablespace 16385:")));
  request_.tablespaces = {{"fast", directory_ / "fast"}};
  EXPECT_NO_THROW(recover(record));
}

TEST_F(RecoveryTest, RefusesADestinationInsideTheRepository) {
  request_.destination = layout_.root() / "recovered";
  EXPECT_THAT([&] { recover(); }, ThrowsMessage<Refused>(HasSubstr("repository of pgkeep")));
}

TEST_F(RecoveryTest, DemandsTheCapacityThatTheControlFileTells) {
  auto& control = content_["global/pg_control"];
  io::store_le<std::uint32_t>(control.data() + 180, 300);
  io::store_le(control.data() + 292, io::crc32c(io::ByteView(control).first(292)));
  EXPECT_THAT(recover().changed_settings, Contains(HasSubstr("max_connections = '300'")));
}

TEST_F(RecoveryTest, TakesTheConfigurationWhereTheServerHadIt) {
  content_.erase("postgresql.conf");
  auto record = take_backup(content_);
  record.configuration = {"/data", "/etc/pg/main.conf", "/etc/pg/hba.conf", "/data/pg_ident.conf", ""};
  const auto report = recover(record);
  EXPECT_THAT(report.review, Contains(HasSubstr("takes /etc/pg/main.conf")));
  EXPECT_THAT(report.review, Contains(HasSubstr("hba_file was /etc/pg/hba.conf")));
  EXPECT_THAT(report.start_commands.back(), HasSubstr("config_file=/etc/pg/main.conf"));
}

TEST_F(RecoveryTest, RefusesAFileThatATablespaceOfPostgresCannotHold) {
  const auto location = directory_ / "fast here";
  request_.tablespaces = {{"fast", location}};
  content_["tablespace_map"] = bytes("16385 /srv/fast\n");
  for (const auto* path : {"pg_tblspc/16385/cron.d/job", "pg_tblspc/16385/PG_17_202406281/5/99",
                           "pg_tblspc/16385/PG_18_202506291x/5/99", "pg_tblspc/16385"}) {
    auto content = content_;
    content[path] = bytes("row");
    auto record = take_backup(content);
    record.tablespaces = {{16385, "fast", "/srv/fast"}};
    EXPECT_THAT([&] { recover(record); }, ThrowsMessage<Corruption>(HasSubstr("PG_18_"))) << path;
    EXPECT_FALSE(fs::exists(location) || fs::exists(destination_)) << path;
  }
}

TEST_F(RecoveryTest, RootWritesToNoPlaceThatTheServerChose) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user writes only where he may";
  const auto location = (directory_ / "fast").native();
  content_["tablespace_map"] = bytes("16385 " + location + "\n");
  content_["pg_tblspc/16385/PG_18_202506291/5/99"] = bytes("row");
  auto record = take_backup(content_);
  record.tablespaces = {{16385, "fast", location}};
  EXPECT_THAT([&] { recover(record); }, ThrowsMessage<Refused>(HasSubstr("--tablespace 16385:" + location)));
  EXPECT_FALSE(fs::exists(location) || fs::exists(destination_));
  request_.tablespaces = {{"16385", location}};
  recover(record);
  EXPECT_TRUE(fs::exists(location + "/PG_18_202506291/5/99"));
}

TEST_F(RecoveryTest, ABackupIsNotDeletedWhileItIsRecovered) {
  const auto record = take_backup(content_);
  bool tried = false;
  progress_.on_progress = [&] {
    tried = true;
    EXPECT_THROW(store::BackupClaim(layout_, record.id), Busy);
  };
  carry_out(make_plan(request_, gather_facts(layout_)), repository_, layout_, progress_, {});
  EXPECT_TRUE(tried);
  EXPECT_NO_THROW(store::BackupClaim(layout_, record.id));
}

TEST_F(RecoveryTest, DeliversALargeFileOnce) {
  content_["base/5/7"] = catalog::noise(40u << 20, 7);
  recover();
  EXPECT_EQ(recovered("base/5/7"), content_["base/5/7"]);
}

TEST_F(RecoveryTest, LeavesOutPgControlWhenAFileIsDamaged) {
  take_backup(content_);
  catalog::flip(newest_pack(store::PackKind::full), 5000);
  EXPECT_THROW(carry_out(make_plan(request_, gather_facts(layout_)), repository_, layout_, progress_, {}),
               Corruption);
  EXPECT_FALSE(has("global/pg_control"));
}

TEST_F(RecoveryTest, SaysThatWhatWasStoppedIsIncomplete) {
  take_backup(content_);
  const auto plan = make_plan(request_, gather_facts(layout_));
  progress_.on_progress = [this] { stop_.request_stop(); };
  EXPECT_THROW(carry_out(plan, repository_, layout_, progress_, stop_.get_token()), Interrupted);
  EXPECT_FALSE(has("global/pg_control"));
  EXPECT_THAT(progress_.warnings, Contains(HasSubstr("incomplete")));
}

TEST_F(RecoveryTest, ChecksBeforehandWithoutWriting) {
  take_backup(content_);
  const auto plan = make_plan(request_, gather_facts(layout_));
  EXPECT_THAT(check(plan, repository_, layout_, progress_).changed_settings,
              Contains(HasSubstr("archive_command")));
  EXPECT_FALSE(fs::exists(destination_));
  fs::create_directory(destination_);
  std::ofstream(destination_ / "mine") << "x";
  EXPECT_THROW(check(plan, repository_, layout_, progress_), Refused);
}

TEST_F(RecoveryTest, WritesNothingWhenTheDestinationIsRefused) {
  take_backup(content_);
  fs::create_directory(destination_);
  std::ofstream(destination_ / "mine") << "x";
  EXPECT_THROW(carry_out(make_plan(request_, gather_facts(layout_)), repository_, layout_, progress_, {}),
               Refused);
  EXPECT_EQ(std::distance(fs::directory_iterator(destination_), {}), 1);
  EXPECT_THAT(progress_.warnings, IsEmpty());
}

TEST_F(RecoveryTest, WritesNothingWhenTheBackupsWalIsDamaged) {
  take_backup(content_);
  const auto path = layout_.archived({catalog::kOne, 5}, test::sample_segment_size());
  catalog::flip(path, fs::file_size(path) / 2);
  EXPECT_THROW(carry_out(make_plan(request_, gather_facts(layout_)), repository_, layout_, progress_, {}),
               Corruption);
  EXPECT_FALSE(fs::exists(destination_));
}

TEST_F(RecoveryTest, WritesNothingWithoutABackupLabel) {
  content_.erase("backup_label");
  EXPECT_THAT([&] { recover(); }, ThrowsMessage<Corruption>(HasSubstr("backup_label")));
  EXPECT_FALSE(fs::exists(destination_));
}

TEST_F(RecoveryTest, DeliversThroughAShellAsItDoesHere) {
  request_.remote_ssh_command = "sh -c";
  recover();
  for (const auto& [path, content] : content_) {
    if (path == "postgresql.auto.conf") continue;
    EXPECT_EQ(recovered(path), content) << path;
  }
  EXPECT_EQ(recovered("backup_manifest"), catalog::manifest_of(content_, ranges_));
}

TEST_F(RecoveryTest, GivesBackWhatIsNotUnderstoodAsItCame) {
  server_is_of_unknown_version();
  std::ranges::fill(content_["global/pg_control"] | std::views::drop(8), std::byte{0x5A});
  const auto manifest = catalog::manifest_of_unknown_version();
  const auto report = recover(take_backup(content_, manifest));
  EXPECT_EQ(recovered("global/pg_control"), content_["global/pg_control"]);
  EXPECT_EQ(recovered("backup_manifest"), manifest);
  EXPECT_THAT(report.review, Contains(HasSubstr("pg_verifybackup objects")));
}

}  // namespace
}  // namespace pgkeep::recover
