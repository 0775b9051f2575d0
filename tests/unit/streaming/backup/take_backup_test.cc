#include "streaming/backup/take_backup.h"

#include <algorithm>
#include <ranges>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/lock.h"
#include "catalog/postgres/control_file.h"
#include "catalog/postgres/versions.h"
#include "tests/support/fake_server.h"
#include "tests/support/tar_builder.h"
#include "tests/support/temp_directory.h"
#include "tests/unit/catalog/postgres/test_data.h"

namespace pgkeep::streaming {
namespace {

using namespace std::chrono_literals;
using postgres::Lsn;
using postgres::SystemIdentifier;
using postgres::TimelineId;
using test::FakeServer;
using test::FakeSession;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
constexpr Lsn kStart{0x300'0028};
constexpr Lsn kSwitch{0x300'0080};
constexpr Lsn kEnd{0x300'0100};
constexpr const char* kVersion = "18.6";
constexpr const char* kLabel =
    "START WAL LOCATION: 0/3000028 (file 000000010000000000000030)\n"
    "CHECKPOINT LOCATION: 0/3000060\n"
    "BACKUP METHOD: streamed\n"
    "BACKUP FROM: primary\n"
    "START TIME: 2026-11-20 02:46:58 GMT\n"
    "LABEL: pgkeep\n"
    "START TIMELINE: 1\n";

/// A server of version 18 that sends a base backup of two files, with the manifest that the test wants.
class BackedUpServer {
 public:
  explicit BackedUpServer(std::vector<postgres::ManifestWalRange> ranges) : ranges_(std::move(ranges)) {}
  std::string conninfo() const { return server_.conninfo(); }
  void manifest_is_of(SystemIdentifier system) { manifest_system_ = system; }
  SystemIdentifier system() const { return system_; }
  /// Its version came after this program, and nothing of its formats is known.
  void is_of_unknown_version() {
    version_ = fmt::format("{}.0", postgres::newest_known_major() + 1);
    std::ranges::fill(files_["global/pg_control"] | std::views::drop(8), 'x');
  }
  /// A standby whose primary was promoted there, while the backup was taken.
  void follows_to_timeline_two(Lsn at) { history_ = fmt::format("1\t{}\tpromoted\n", at.to_string()); }

 private:
  std::string manifest() const {
    if (version_ != kVersion) return "{ \"PostgreSQL-Backup-Manifest-Version\": 3 }\n";
    io::MemorySink sink;
    postgres::ManifestWriter writer(sink, 2, manifest_system_);
    for (const auto& [path, content] : files_) {
      writer.file({.path = path,
                   .size = content.size(),
                   .last_modified = "2026-11-20 02:00:00 GMT",
                   .checksum_algorithm = "CRC32C",
                   .checksum = postgres::crc32c_checksum_text(io::crc32c(io::as_bytes(content)))});
    }
    writer.finish(ranges_);
    return std::string(io::as_text(sink.bytes()));
  }
  void send_backup(FakeSession& session) const {
    const auto position = [&](Lsn lsn, TimelineId timeline) {
      session.rows({"recptr", "tli"}, {{lsn.to_string(), timeline.to_string()}});
      session.complete();
    };
    position(kStart, kOne);
    session.rows({"spcoid", "spclocation", "size"}, {{std::nullopt, std::nullopt, std::nullopt}});
    session.complete();
    session.copy_out();
    using std::string_literals::operator""s;
    session.copy_data("nbase.tar\0\0"s);
    session.copy_data("d" + test::tar_directory("global"));
    for (const auto& [path, content] : files_) session.copy_data("d" + test::tar_file(path, content));
    session.copy_data("d" + std::string(1024, '\0'));
    session.copy_data("m");
    session.copy_data("d" + manifest());
    session.copy_done();
    position(kEnd, history_.empty() ? kOne : kTwo);
    session.complete("BASE_BACKUP");
    session.ready();
  }
  void serve(FakeSession& session) const {
    session.read_startup();
    session.welcome(version_);
    for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
      const auto value = [&](const std::string& text) { session.answer({"value"}, {{text}}); };
      if (query == "IDENTIFY_SYSTEM") {
        session.answer({"systemid", "timeline", "xlogpos", "dbname"},
                       {{system_.to_string(), "1", kEnd.to_string(), std::nullopt}});
      } else if (query.starts_with("BASE_BACKUP")) {
        send_backup(session);
      } else if (query == "TIMELINE_HISTORY 2") {
        session.answer({"filename", "content"}, {{kTwo.history_file(), history_}});
      } else if (query == "SHOW in_hot_standby") {
        value("off");
      } else if (query == "SHOW block_size") {
        value("8192");
      } else if (query == "SHOW wal_segment_size") {
        value("1MB");
      } else {
        value("0700");
      }
    }
  }

  std::vector<postgres::ManifestWalRange> ranges_;
  std::map<std::string, std::string> files_{{"backup_label", kLabel},
                                            {"global/pg_control", postgres::read_test_data("pg_control-18")}};
  SystemIdentifier system_ = postgres::ControlFile::decode(io::as_bytes(files_["global/pg_control"])).system;
  SystemIdentifier manifest_system_ = system_;
  std::string history_;
  std::string version_ = kVersion;
  FakeServer server_{[this](FakeSession& session) { serve(session); }};  // last: it uses the others
};

/// Asks to stop when only WAL is missing.
class TakeBackupTest : public testing::Test, private io::ProgressObserver {
 protected:
  void back_up(const BackedUpServer& server) {
    const auto layout = repository_.server("main");
    layout.make();
    const auto receiver = io::FileLock::acquire(layout.receiver_lock(), "serve");
    BackupJob job;
    job.server = "main";
    job.connection = {.conninfo = server.conninfo(),
                      .connect_timeout = 1s,  // SQL is not answered
                      .allow_unknown_major = allow_unknown_major_};
    io::ProgressObserver& observer = *this;
    take_backup(repository_, job, observer, stop_.get_token());
  }
  bool waited_for_wal_ = false;
  bool allow_unknown_major_ = false;
  std::vector<std::string> warnings_;

 private:
  void progress(const io::Progress& progress) override {
    if (!progress.phase.starts_with("waiting for WAL segment")) return;
    waited_for_wal_ = true;
    stop_.request_stop();
  }
  void note(std::string_view /*message*/) override {}
  void warning(std::string_view message) override { warnings_.emplace_back(message); }

  test::TempDirectory directory_;
  store::Repository repository_ = store::Repository::open_or_create(directory_ / "repository");
  std::stop_source stop_;
};

TEST_F(TakeBackupTest, TakesAManifestThatFitsItsBackup) {
  const BackedUpServer server({{kOne, kStart, kEnd}});
  EXPECT_THROW(back_up(server), Interrupted);
  EXPECT_TRUE(waited_for_wal_);
}

TEST_F(TakeBackupTest, RefusesAManifestOfOtherWal) {
  const BackedUpServer server({{kOne, kStart, kEnd + 8}});
  EXPECT_THAT([&] { back_up(server); }, ThrowsMessage<Corruption>(AllOf(HasSubstr("ends at 0/3000108"),
                                                                        HasSubstr("nothing of it is kept"))));
}

TEST_F(TakeBackupTest, TakesAManifestThatPassesToTheNextTimelineWhereTheServerDid) {
  BackedUpServer server({{kTwo, kSwitch, kEnd}, {kOne, kStart, kSwitch}});
  server.follows_to_timeline_two(kSwitch);
  EXPECT_THROW(back_up(server), Interrupted);
  EXPECT_TRUE(waited_for_wal_);
}

TEST_F(TakeBackupTest, RefusesAManifestThatPassesToTheNextTimelineElsewhere) {
  BackedUpServer server({{kTwo, kSwitch + 8, kEnd}, {kOne, kStart, kSwitch + 8}});
  server.follows_to_timeline_two(kSwitch);
  EXPECT_THAT([&] { back_up(server); },
              ThrowsMessage<Corruption>(HasSubstr("by the history of timeline 2 the backup has 0/3000080")));
}

TEST_F(TakeBackupTest, RefusesAManifestOfAnotherSystem) {
  BackedUpServer server({{kOne, kStart, kEnd}});
  server.manifest_is_of(SystemIdentifier(server.system().value() + 1));
  EXPECT_THAT([&] { back_up(server); }, ThrowsMessage<Corruption>(HasSubstr("manifest is of system")));
}

TEST_F(TakeBackupTest, RefusesAVersionThatIsNotKnown) {
  BackedUpServer server({{kOne, kStart, kEnd}});
  server.is_of_unknown_version();
  EXPECT_THAT([&] { back_up(server); }, ThrowsMessage<Refused>(HasSubstr("allow_unknown_major: true")));
}

TEST_F(TakeBackupTest, TakesAVersionThatIsNotKnownWhereItIsAllowed) {
  BackedUpServer server({{kOne, kStart, kEnd}});
  server.is_of_unknown_version();
  allow_unknown_major_ = true;
  EXPECT_THROW(back_up(server), Interrupted);
  EXPECT_TRUE(waited_for_wal_);
  EXPECT_THAT(warnings_, Contains(HasSubstr("kept unchecked")));
  EXPECT_THAT(warnings_, Contains(HasSubstr("nothing proves that what arrived")));
}

}  // namespace
}  // namespace pgkeep::streaming
