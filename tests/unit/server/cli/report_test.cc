#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/retention/retention_marks.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// Server `main` is in service, and nobody answers at its address; of `other` nothing was ever stored.
class ReportTest : public CommandTest {
 protected:
  ReportTest() {
    configure(
        "  main: {conninfo: 'host=127.0.0.1 port=1 user=pgkeep'}\n"
        "  other: {conninfo: 'host=127.0.0.1 port=1 user=pgkeep', active: false}\n");
    store_a_little();
  }
  std::string content_of(const std::filesystem::path& file) {
    const auto bytes = io::read_whole_file(file, 1 << 20);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  store::BackupId backup_{kMorning};
  std::filesystem::path file_ = directory_.path() / "report";
};

TEST_F(ReportTest, SucceedsWhateverItHasToSay) {
  const auto said = run_line({"report"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_THAT(said.results, AllOf(StartsWith("main can be recovered; 1 needs you.\n"),
                                  HasSubstr("SQL connection: "), HasSubstr("out of service")));
}

TEST_F(ReportTest, DoesNotCountOnABackupThatAVerificationFoundDamaged) {
  catalog::change_retention_marks(layout_, backup_, [](catalog::RetentionMarks& marks) {
    marks.damaged = catalog::DamageMark{kMorning, "a page is not what was stored"};
  });
  EXPECT_THAT(run_line({"report", "main"}).results, StartsWith("main cannot be recovered; it needs you"));
  EXPECT_THAT(run_line({"check", "main"}).results, HasSubstr("a page is not what was stored"));
  EXPECT_THAT(document({"status", "main"}).at("data").at(0).at("problems").dump(),
              HasSubstr("a page is not what was stored"));
  const auto server = document({"report", "main"}).at("data").at("servers").at(0);
  EXPECT_TRUE(server.at("recoverable_until").is_null()) << "nor do the times say otherwise";
}

TEST_F(ReportTest, TellsOfDamageThatAVerificationOfABackupFound) {
  damage_archived({test::kOne, 5});
  ASSERT_EQ(run_line({"verify-backup", "main", "latest"}).exit, Exit::failed);
  const auto server = document({"report", "main"}).at("data").at("servers").at(0);
  EXPECT_EQ(server.at("proof").at("sound"), false);
  EXPECT_EQ(server.at("changes").at("verifications"), 1);
  EXPECT_EQ(server.at("changes").at("damage").size(), 1u);
  EXPECT_EQ(server.at("changes").at("failed_runs").size(), 0u);
}

TEST_F(ReportTest, SaysThatItCannotBeToldWhereItCannot) {
  io::write_file_durably(layout_.retention_marks(backup_), io::as_bytes("not what it was"));
  EXPECT_THAT(run_line({"report", "main"}).results,
              AllOf(StartsWith("Whether main can be recovered cannot be told; "),
                    HasSubstr("marks of backups: what was decided of 1 backup cannot be read")));
}

TEST_F(ReportTest, IsADocumentWithTheFindingsOfCheck) {
  const auto data = document({"report", "main"}).at("data");
  EXPECT_EQ(data.at("expected"), 1);
  std::vector<std::string> keys;
  for (const auto& finding : data.at("needs").at(0).at("findings")) keys.push_back(finding.at("key"));
  std::vector<std::string> checked;
  const auto checks = document({"check", "main"}).at("data").at(0).at("checks");
  for (const auto& check : checks)
    if (check.at("result") != "OK") checked.push_back(check.at("name"));
  EXPECT_THAT(checked, testing::IsSupersetOf(keys));
}

TEST_F(ReportTest, PrintsWithFormatJsonWhatTheDocumentHasAsData) {
  const auto data = Json::parse(run_line({"report", "main", "--format", "json"}).results);
  EXPECT_EQ(data.at("servers").at(0).at("server"), "main");
}

TEST_F(ReportTest, WritesAFileInThePlaceOfTheLast) {
  io::write_file_durably(file_, io::as_bytes("yesterday"));
  const auto said = run_line({"report", "--format", "html", "--output", file_.native()});
  EXPECT_THAT(said.results, HasSubstr("; the report is in " + file_.native()));
  EXPECT_THAT(content_of(file_), StartsWith("<!DOCTYPE html>"));
}

TEST_F(ReportTest, WritesAFileThatTheUmaskLetsOthersRead) {
  const auto before = ::umask(027);
  run_line({"report", "--output", file_.native()});
  ::umask(before);
  const auto mode = std::filesystem::status(file_).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write |
                      std::filesystem::perms::group_read);
}

TEST_F(ReportTest, WritesAFileBelowALinkedDirectory) {
  std::filesystem::create_directory_symlink(directory_.path(), directory_.path() / "www");
  run_line({"report", "--output", (directory_.path() / "www" / "report").native()});
  EXPECT_THAT(content_of(file_), HasSubstr("main can be recovered"));
}

TEST_F(ReportTest, PutsNothingInThePlaceOfWhatIsNoFile) {
  EXPECT_EQ(run_line({"report", "--output", "/dev/null"}).exit, Exit::usage);
  EXPECT_EQ(run_line({"report", "--output", directory_.path().native()}).exit, Exit::usage);
}

TEST_F(ReportTest, IsAMessageForAMail) {
  const auto said = run_line({"report", "main", "--format", "mail", "--to", "dba@example.org"});
  EXPECT_THAT(said.results, AllOf(StartsWith("To: dba@example.org\nSubject: pgkeep: main can be recovered"),
                                  HasSubstr("multipart/alternative")));
}

TEST_F(ReportTest, RefusesAMailForNobody) {
  EXPECT_EQ(run_line({"report", "--format", "mail"}).exit, Exit::usage);
  EXPECT_EQ(run_line({"report", "--to", "dba@example.org"}).exit, Exit::usage);
  EXPECT_THROW(run_line({"report", "--format", "mail", "--to", "a@b\nBcc: c@d"}), UsageError);
}

TEST_F(ReportTest, RefusesATimeThatIsNone) {
  for (const auto* text : {"yesterday", "0s", "-3h", "99999d"}) {
    EXPECT_THROW(run_line({"report", "--since", text}), UsageError) << text;
  }
}

}  // namespace
}  // namespace pgkeep::server
