#include "server/daemon/job_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/records/run_journal.h"
#include "catalog/retention/retention_marks.h"
#include "catalog/store/backup_record.h"
#include "catalog/wal/wal_archive_writer.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wait_until.h"

namespace pgkeep::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr postgres::TimelineId kOne(1);

/// Server `main` does not answer. Of it are held a backup that begins in segment 5, and segments 5, 6 and 8.
class JobRunnerTest : public ::testing::Test {
 protected:
  JobRunnerTest() {
    layout_.make();
    catalog::confirm_identity(layout_, archive_.identity());
    for (const std::uint64_t number : {5, 6, 8}) archived({kOne, number});
    commit_backup("20261120T020000Z", 0x500028);
    auto server = default_server_config();
    server.name = "main";
    server.conninfo = "host=127.0.0.1 port=1 user=pgkeep";
    config_.servers.push_back(server);
    supervisor_.apply(config_);
  }
  void archived(const postgres::WalSegment& segment) {
    io::write_file_durably(layout_.partial(segment, size_), test::sample_wal(segment));
    auto partial = catalog::PartialSegment::open(layout_, segment, size_);
    catalog::WalArchiveWriter(archive_).store_segment(partial, archive_.history(kOne).value(), 1);
  }
  void commit_backup(const char* name, std::uint64_t start) {
    store::BackupRecord record(store::BackupId::parse(name).value());
    record.server = "main";
    record.system = test::kSampleSystem;
    record.major_version = test::kSampleMajor;
    record.wal_segment_size = size_;
    record.start = record.end = {kOne, postgres::Lsn(start)};
    io::make_directories(layout_.backup(record.id));
    io::write_file_durably(layout_.record(record.id), io::as_bytes(record.to_json()));
  }
  void lose_segment_7() {
    catalog::EventJournal(layout_).append(
        {io::now(), catalog::EventKind::gap, "the server had removed it",
         catalog::WalRange{kOne, postgres::Lsn(0x700000), postgres::Lsn(0x800000)}});
  }
  void schedule_expiry_after_a_backup() {
    catalog::RunJournal journal(layout_);
    auto run = journal.begin("backup", "");
    journal.end(run, catalog::RunOutcome::succeeded, "", "");
    std::string problem;
    config_.servers[0].schedule.expire = JobTiming::parse("after backup", problem).value();
    supervisor_.apply(config_);
  }
  std::vector<catalog::RunRecord> runs_of(const std::string& kind) const {
    auto runs = catalog::RunJournal(layout_).read();
    std::erase_if(runs, [&](const catalog::RunRecord& run) { return run.kind != kind; });
    return runs;
  }
  void wait_for_report(const std::function<bool(const std::string&)>& is_wanted) {
    test::wait_until(
        [&] {
          jobs_.consider("main");
          return is_wanted(jobs_.report("main"));
        },
        "the server was looked at");
  }
  void wait_until_due() {
    wait_for_report([](const std::string& report) { return !report.empty(); });
  }
  void wait_until_not_due() {
    wait_for_report([](const std::string& report) { return report.empty(); });
  }

  test::TempDirectory directory_;
  store::Repository repository_ = store::Repository::open_or_create(directory_ / "repository");
  store::ServerLayout layout_ = repository_.server("main");
  postgres::WalSegmentSize size_ = test::sample_segment_size();
  catalog::WalArchive archive_{layout_, {test::kSampleSystem, test::kSampleMajor, size_, 8192}};
  Output out_{Output::Format::text, Output::Talk::quiet};
  Config config_;
  Supervisor supervisor_{
      repository_, out_, {.changed = [] {}, .event = [](const std::string&, const catalog::Event&) {}}};
  JobRunner jobs_{repository_, supervisor_, default_job_limits()};
};

TEST_F(JobRunnerTest, WaitsForTheStreamWithABackupThatLostWalMakesDue) {
  lose_segment_7();
  wait_until_due();
  EXPECT_THAT(jobs_.report("main"),
              AllOf(HasSubstr("WAL from 0/700000 to 0/800000 of timeline 1 is lost"),
                    HasSubstr("20261120T020000Z"), HasSubstr("as soon as WAL is received again")));
}

TEST_F(JobRunnerTest, HasNothingToDoOnceABackupBeginsAfterTheGap) {
  lose_segment_7();
  wait_until_due();
  commit_backup("20261121T020000Z", 0x800028);
  wait_until_not_due();
}

TEST_F(JobRunnerTest, LooksAgainWhenWalIsLostAfterItFoundNothingToDo) {
  jobs_.consider("main");
  lose_segment_7();
  wait_until_due();
}

TEST_F(JobRunnerTest, ForgetsAServerThatIsOutOfService) {
  lose_segment_7();
  wait_until_due();
  supervisor_.apply({});
  wait_until_not_due();
}

TEST_F(JobRunnerTest, LetsExpiryMakeRoomWhileLostWalCallsForABackup) {
  schedule_expiry_after_a_backup();
  lose_segment_7();
  wait_until_due();
  test::wait_until([&] { return runs_of("expire").size() == 1; }, "an expiry has begun");
}

TEST_F(JobRunnerTest, RemovesADeletedBackupWhenItMayGoWithoutAPolicyAndASchedule) {
  commit_backup("20261121T020000Z", 0x600028);
  const auto first = store::BackupId::parse("20261120T020000Z").value();
  jobs_.consider("main");
  catalog::RunJournal journal(layout_);
  auto run = journal.begin("delete", first.to_string());
  catalog::change_retention_marks(layout_, first, [](catalog::RetentionMarks& marks) {
    marks.expired = {catalog::ExpiryMark::By::operator_, io::now() - std::chrono::days(2), "deleted"};
  });
  journal.end(run, catalog::RunOutcome::succeeded, "", "");
  wait_for_report([&](const std::string&) { return !io::is_there(layout_.record(first)); });
  EXPECT_EQ(runs_of("expire").size(), 1u);
}

TEST_F(JobRunnerTest, CountsARunOfItsOwnWithoutAnEndAsFailed) {
  schedule_expiry_after_a_backup();
  catalog::RunJournal(layout_).begin("expire", "");  // its end could not be written
  wait_for_report([](const std::string& report) { return report.find("1 attempt failed") != report.npos; });
  EXPECT_THAT(jobs_.report("main"), HasSubstr("how it ended could not be recorded"));
}

TEST_F(JobRunnerTest, EndsWhenItIsAskedTo) {
  EXPECT_TRUE(jobs_.finish(test::kPatience));
}

}  // namespace
}  // namespace pgkeep::server
