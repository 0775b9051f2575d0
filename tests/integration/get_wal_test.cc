// get-wal answers PostgreSQL's recovery: 0 delivered, 1 surely not there, above 125 cannot tell.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// An archive with one complete segment, a copy of it as the server had it, and a partial one after it.
class GetWal : public ::testing::Test {
 protected:
  struct Archive {
    Archive() {
      const auto source = PostgresCluster::create(18);
      host = std::make_unique<BackupHost>(source);
      auto receiver = host->receive_wal(source);
      source.execute("CREATE TABLE t AS SELECT generate_series(1, 10000)");
      complete = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())");
      source.execute("SELECT pg_switch_wal()");
      source.execute("CREATE TABLE u AS SELECT generate_series(1, 10000)");
      partial = source.value("SELECT pg_walfile_name(pg_current_wal_lsn())");
      wait_until_flushed(source);
      content = read_file(source.data_directory() / "pg_wal" / complete);
      receiver.signal(SIGTERM);
      receiver.wait();
    }
    std::unique_ptr<BackupHost> host;
    std::string complete;
    std::string partial;
    std::string content;
  };

  void SetUp() override {
    PGKEEP_NEEDS_POSTGRES(18);
    if (!archive_) archive_.emplace();
  }
  static void TearDownTestSuite() { archive_.reset(); }

  static const BackupHost& host() { return *archive_->host; }
  static Outcome get_wal(const std::string& name) { return host().pgkeep({"get-wal", "main", name}); }

  static std::optional<Archive> archive_;
};
std::optional<GetWal::Archive> GetWal::archive_;

TEST_F(GetWal, WritesACompleteSegmentAsTheServerHadIt) {
  const auto outcome = get_wal(archive_->complete);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(outcome.out == archive_->content);  // not EXPECT_EQ, which would print 16 MiB

  const auto file = host().scratch("segment");
  host().pgkeep_or_throw({"get-wal", "main", archive_->complete, file});
  EXPECT_TRUE(read_file(file) == archive_->content);
}

TEST_F(GetWal, PadsTheSegmentStillBeingReceived) {
  const auto outcome = get_wal(archive_->partial);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out.size(), archive_->content.size());
  EXPECT_EQ(outcome.out.back(), '\0');
}

TEST_F(GetWal, SaysOneForWhatIsSurelyNotThere) {
  const auto file = host().scratch("nothing");
  for (const char* name :
       {"0000000100000FFF000000FF", "00000002.history", "00000001000000000000000100000028.backup"}) {
    EXPECT_EQ(get_wal(name).exit_code, 1) << name;
    EXPECT_EQ(host().pgkeep({"get-wal", "main", name, file}).exit_code, 1) << name;
    EXPECT_FALSE(fs::exists(file));
  }
}

TEST_F(GetWal, SaysMoreThan125WhenItCannotTell) {
  EXPECT_THAT(host().pgkeep({"get-wal", "nobody", archive_->complete}).exit_code, Gt(125));
  const auto outcome =
      run({{PGKEEP_BINARY, "-c", host().scratch("no-such.yaml"), "get-wal", "main", archive_->complete}});
  EXPECT_THAT(outcome.exit_code, Gt(125)) << outcome.text();
  const auto unwritable = host().scratch("no-such-folder") / "file";
  EXPECT_THAT(host().pgkeep({"get-wal", "main", archive_->complete, unwritable}).exit_code, Gt(125));
}

TEST_F(GetWal, NeverDeliversADamagedSegment) {
  fs::path stored;
  for (const auto& entry : fs::recursive_directory_iterator(host().repository() / "main" / "wal"))
    if (entry.path().filename().native().starts_with(archive_->complete)) stored = entry.path();
  ASSERT_FALSE(stored.empty());
  const auto original = read_file(stored);
  auto damaged = original;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  std::ofstream(stored, std::ios::binary) << damaged;
  const auto file = host().scratch("damaged");
  EXPECT_THAT(host().pgkeep({"get-wal", "main", archive_->complete, file}).exit_code, Gt(125));
  EXPECT_FALSE(fs::exists(file));
  std::ofstream(stored, std::ios::binary) << original;
}

}  // namespace
}  // namespace pgkeep::test
