#include "server/fleet/stored_records.h"

#include <algorithm>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/wal/wal_archive_writer.h"
#include "server/fleet/fleet.h"
#include "tests/support/sample_wal.h"
#include "tests/support/segment_rows.h"
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
    auto partial = catalog::PartialSegment::open(layout_, kFive, test::sample_segment_size());
    partial.write(test::sample_wal(kFive), {});
    partial.flush();
    catalog::WalArchiveWriter(archive()).store_segment(partial, postgres::TimelineHistory(kFive.timeline), 1);
    server_.name = "main";
  }
  catalog::WalArchive archive() const { return {layout_, catalog::read_identity(layout_).value()}; }
  std::vector<catalog::SegmentRow> segments(StoredRecords& records) const {
    return records.of_segments(archive(), archive().inventory(),
                               [](auto& stored) { return test::rows_of(stored); });
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

  const auto of_files = segments(from_files);
  const auto of_index = segments(from_index);
  ASSERT_EQ(of_files.size(), 1u);
  ASSERT_EQ(of_index.size(), 1u);
  EXPECT_EQ(of_files.front().segment, kFive);
  EXPECT_EQ(of_index.front().segment, kFive);
  EXPECT_EQ(of_files.front().stored_bytes, of_index.front().stored_bytes);
  EXPECT_EQ(from_files.backups().size(), from_index.backups().size());
}

TEST_F(StoredRecordsTest, MakeAnIndexAgainThatTheyFindDamaged) {
  StoredRecords(server_, layout_, out_);  // makes it
  for (const auto* damage : {"UPDATE segments SET number = -number", "DROP TABLE segments"}) {
    io::Database(layout_.root() / "catalog.db", io::Database::Mode::read_write).execute(damage);
    StoredRecords records(server_, layout_, out_);
    EXPECT_EQ(segments(records).size(), 1u) << damage;
    EXPECT_EQ(catalog::ServerCatalog::open_to_read(layout_).value().segment_count(), 1u) << damage;
  }
}

TEST_F(StoredRecordsTest, AreOfTheFilesWhereADamagedIndexCannotBeMadeAgain) {
  StoredRecords(server_, layout_, out_);  // makes it
  io::Database(layout_.root() / "catalog.db", io::Database::Mode::read_write)
      .execute("UPDATE segments SET number = -number");
  make_read_only();
  StoredRecords records(server_, layout_, out_);
  EXPECT_EQ(segments(records).size(), 1u);
  EXPECT_EQ(segments(records).size(), 1u);
}

/// As on a disk that fails to read it: what lies under its name is no file that could be put right.
TEST_F(StoredRecordsTest, AreOfTheFilesWhereTheIndexCannotBeRead) {
  io::make_directories(layout_.index() / "something");
  StoredRecords records(server_, layout_, out_);
  EXPECT_EQ(segments(records).size(), 1u);
}

TEST_F(StoredRecordsTest, PutAnIndexRightThatLacksALot) {
  StoredRecords(server_, layout_, out_);  // makes it
  io::Database(layout_.index(), io::Database::Mode::read_write).execute("DELETE FROM segments");
  const auto size = test::sample_segment_size();
  // Copies of another segment than their names say are passed over, but have to be looked at.
  for (auto segment = kFive; segment.number < kFive.number + 1'000; segment = segment.next())
    fs::copy_file(layout_.archived(kFive, size), layout_.archived(segment.next(), size));
  StoredRecords records(server_, layout_, out_);
  EXPECT_EQ(segments(records).size(), 1u);
  EXPECT_EQ(catalog::ServerCatalog::open_to_read(layout_).value().segment_count(), 1u);
}

TEST_F(StoredRecordsTest, WarnOnceOfWhatCannotBeRead) {
  io::write_file_durably(layout_.history(postgres::TimelineId(2)), io::as_bytes("no history"));
  const auto id = store::BackupId::parse("20261120T020000Z").value();
  io::make_directories(layout_.backup(id));
  io::write_file_durably(layout_.record(id), io::as_bytes("no record"));
  ::testing::internal::CaptureStderr();
  StoredRecords records(server_, layout_, out_);
  for (int i = 0; i < 2; ++i) {
    records.backups();
    segments(records);
  }
  const auto talk = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::ranges::count(talk, '\n'), 2) << talk;
}

TEST_F(StoredRecordsTest, AreOfAServerThatIsKnown) {
  const store::ServerLayout other(directory_ / "other");
  EXPECT_THROW(StoredRecords(server_, other, out_), NotFound);
  // Its index alone is nothing that was stored.
  StoredRecords(server_, layout_, out_);  // makes it
  fs::remove(layout_.identity());
  EXPECT_THROW(StoredRecords(server_, layout_, out_), NotFound);
}

}  // namespace
}  // namespace pgkeep::server
