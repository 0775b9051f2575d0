#include "server/report/gather_report.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/records/identity.h"
#include "catalog/store/deletions.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A repository of `good` and `bad`, to which there was contact, and which do not answer.
class GatherReportTest : public ::testing::Test {
 protected:
  GatherReportTest() {
    config_.repository = directory_.path() / "repository";
    for (const auto* name : {"bad", "good"}) {
      auto server = default_server_config();
      server.name = name;
      server.active = true;
      server.conninfo = "host=127.0.0.1 port=1 user=pgkeep";
      config_.servers.push_back(server);
      const auto layout = layout_of(name);
      layout.make();
      catalog::confirm_identity(layout,
                                {test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192});
    }
  }
  store::ServerLayout layout_of(const std::string& name) const { return repository_.server(name); }
  FleetReport gather() {
    std::vector<const ServerConfig*> servers;
    for (const auto& server : config_.servers) servers.push_back(&server);
    const ReportTimes times{io::now(), io::now() - std::chrono::hours(24)};
    return gather_report(config_, servers, repository_, daemon_, times, [](const std::string&) {}, {});
  }

  test::TempDirectory directory_;
  Config config_;
  AskedDaemon daemon_;
  store::Repository repository_ = store::Repository::open_or_create(directory_.path() / "repository");
};

TEST_F(GatherReportTest, HasEachServerWithTheFindingsOfHealth) {
  const auto report = gather();
  ASSERT_THAT(report.servers, SizeIs(2));
  for (const auto& server : report.servers) {
    EXPECT_EQ(server.recoverable, Recoverable::no);
    EXPECT_THAT(server.problems, Contains(Field(&Finding::key, "sql_connection")));
    EXPECT_THAT(server.problems, Contains(Field(&Finding::key, "backups")));
  }
}

TEST_F(GatherReportTest, SaysOfADamagedServerWhatIsWrongAndReportsTheOthersAsBefore) {
  io::write_file_durably(layout_of("bad").identity(), io::as_bytes("not what it was"));
  store::note_deletion(layout_of("good"),
                       {.id = {}, .sequence = {}, .record_sha256 = {}, .at = io::now(), .why = "asked for"});
  const auto report = gather();
  EXPECT_EQ(report.servers[0].recoverable, Recoverable::unknown);
  EXPECT_THAT(report.servers[0].problems, Contains(AllOf(Field(&Finding::severity, Severity::failed),
                                                         Field(&Finding::what, HasSubstr("identity.json")))));
  EXPECT_EQ(report.servers[1].recoverable, Recoverable::no);
  EXPECT_THAT(report.servers[1].changes.removed, SizeIs(1));
}

TEST_F(GatherReportTest, SaysWhatItCannotTell) {
  io::remove_file(layout_of("bad").deletions());
  std::filesystem::create_directory(layout_of("bad").deletions());
  EXPECT_THAT(gather().servers[0].problems, Contains(Field(&Finding::what, HasSubstr("deletions.jsonl"))));
}

TEST_F(GatherReportTest, ExpectsNothingOfAServerThatNeverWasInService) {
  config_.servers[0].name = "new";
  config_.servers[0].active = false;
  const auto report = gather();
  EXPECT_EQ(report.servers[0].recoverable, Recoverable::unused);
  EXPECT_THAT(report.servers[0].problems, IsEmpty());
  EXPECT_EQ(report.expected(), 1u);
}

TEST_F(GatherReportTest, TellsOfEachServerWhereThereIsNoRepository) {
  std::vector<const ServerConfig*> servers{&config_.servers[0]};
  config_.repository = directory_.path() / "nowhere";
  const ReportTimes times{io::now(), io::now()};
  const auto report =
      gather_report(config_, servers, std::nullopt, AskedDaemon{}, times, [](const auto&) {}, {});
  ASSERT_THAT(report.servers, SizeIs(1));
  EXPECT_THAT(report.servers[0].problems, Contains(Field(&Finding::key, "repository")));
}

TEST_F(GatherReportTest, TellsADaemonThatDoesNotAnswerFromNone) {
  EXPECT_THAT(gather().daemon, HasSubstr("no daemon serves"));
  daemon_.why_unknown = "it does not answer: time out";
  EXPECT_THAT(gather().daemon, AllOf(HasSubstr("cannot be told: it does not answer: time out"),
                                     testing::Not(HasSubstr("no daemon"))));
}

TEST_F(GatherReportTest, KnowsTheWalOfAServerWhoseRunsCannotBeRead) {
  std::filesystem::create_directory(layout_of("bad").run_journal());
  const auto server = gather().servers[0];
  EXPECT_FALSE(server.known.runs);
  EXPECT_FALSE(server.known.proof);
  EXPECT_TRUE(server.known.wal);
  EXPECT_TRUE(server.known.stretches);
}

TEST_F(GatherReportTest, KnowsNothingOfAServerWithoutItsRepository) {
  std::vector<const ServerConfig*> servers{&config_.servers[0]};
  config_.repository = directory_.path() / "nowhere";
  const ReportTimes times{io::now(), io::now()};
  const auto report =
      gather_report(config_, servers, std::nullopt, AskedDaemon{}, times, [](const auto&) {}, {});
  EXPECT_FALSE(report.servers[0].known.backups);
  EXPECT_FALSE(report.servers[0].known.proof);
}

TEST_F(GatherReportTest, TellsOfNoDeletionWhoseBackupIsStillThere) {
  const store::BackupId id(io::now());
  store::note_deletion(layout_of("good"),
                       {.id = id, .sequence = {}, .record_sha256 = {}, .at = io::now(), .why = "asked for"});
  EXPECT_THAT(gather().servers[1].changes.removed, SizeIs(1));
  io::make_directories(layout_of("good").record(id).parent_path());
  io::write_file_durably(layout_of("good").record(id), {});
  EXPECT_THAT(gather().servers[1].changes.removed, IsEmpty());
}

TEST_F(GatherReportTest, ExpectsNothingOfAServerOutOfServiceWithoutBackups) {
  config_.servers[0].active = false;
  EXPECT_EQ(gather().servers[0].recoverable, Recoverable::unused);
}

TEST(RecoveryNeedTest, IsThereWhereNoFindingSaysWhyAServerCannotBeRecovered) {
  ReportedServer server;
  server.name = "orders";
  server.recoverable = Recoverable::no;
  const auto finding = [](const char* key) {
    return std::vector{Finding{.key = key, .severity = Severity::failed, .what = "x"}};
  };
  const auto need = why_not_recoverable(server, finding("sql_connection"));
  ASSERT_TRUE(need);
  EXPECT_EQ(need->severity, Severity::failed);
  EXPECT_THAT(need->hint, HasSubstr("`pgkeep backup orders`"));
  EXPECT_FALSE(why_not_recoverable(server, finding("backups")));
  server.recoverable = Recoverable::yes;
  EXPECT_FALSE(why_not_recoverable(server, {}));
}

}  // namespace
}  // namespace pgkeep::server
