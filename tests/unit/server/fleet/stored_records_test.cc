#include "server/fleet/stored_records.h"

#include <unistd.h>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/wal/wal_archive_writer.h"
#include "server/fleet/fleet.h"
#include "tests/support/sample_wal.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

namespace fs = std::filesystem;

constexpr postgres::WalSegment kFive{postgres::TimelineId(1), 5};
constexpr uid_t kNobody = 65534;

/// A server of which one segment is stored.
class StoredRecordsTest : public testing::Test {
 protected:
  StoredRecordsTest() {
    const catalog::ServerIdentity identity{test::kSampleSystem, test::kSampleMajor,
                                           test::sample_segment_size(), 8192};
    layout_.make();
    catalog::confirm_identity(layout_, identity);
    catalog::WalArchive archive(layout_, identity);
    auto partial = catalog::PartialSegment::open(layout_, kFive, test::sample_segment_size());
    partial.write(test::sample_wal(kFive), {});
    partial.flush();
    catalog::WalArchiveWriter(archive).store_segment(partial, postgres::TimelineHistory(kFive.timeline), 1);
    server_.name = "main";
  }
  /// Takes the right to write from everybody, as a read-only file system does. Root keeps it, so it becomes
  /// somebody else.
  void make_read_only() {
    if (::geteuid() == 0) {
      ASSERT_EQ(::chown(directory_.path().c_str(), kNobody, kNobody), 0);
      for (const auto& entry : fs::recursive_directory_iterator(directory_.path()))
        ASSERT_EQ(::chown(entry.path().c_str(), kNobody, kNobody), 0);
      ASSERT_EQ(::seteuid(kNobody), 0);
    }
    ASSERT_EQ(::chmod(layout_.root().c_str(), 0500), 0);
  }
  ~StoredRecordsTest() override {
    ::chmod(layout_.root().c_str(), 0700);
    if (::getuid() == 0) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  ServerConfig server_ = default_server_config();
  Output out_{Output::Format::json, Output::Talk::quiet};
};

TEST_F(StoredRecordsTest, AreTheSameWithoutTheIndex) {
  make_read_only();
  StoredRecords from_files(server_, layout_, out_);
  EXPECT_FALSE(fs::exists(layout_.root() / "catalog.db"));
  ::chmod(layout_.root().c_str(), 0700);
  StoredRecords from_index(server_, layout_, out_);
  EXPECT_TRUE(fs::exists(layout_.root() / "catalog.db"));

  ASSERT_EQ(from_files.segments().size(), 1u);
  EXPECT_EQ(from_files.segments().front().segment, kFive);
  ASSERT_EQ(from_index.segments().size(), 1u);
  EXPECT_EQ(from_files.segments().front().segment, from_index.segments().front().segment);
  EXPECT_EQ(from_files.segments().front().stored_bytes, from_index.segments().front().stored_bytes);
  EXPECT_EQ(from_files.wal_stored_bytes(), from_index.wal_stored_bytes());
  EXPECT_EQ(from_files.backups().size(), from_index.backups().size());
}

TEST_F(StoredRecordsTest, AreOfAServerThatIsKnown) {
  const store::ServerLayout other(directory_ / "other");
  EXPECT_THROW(StoredRecords(server_, other, out_), NotFound);
}

}  // namespace
}  // namespace pgkeep::server
