#include "catalog/index/stored_segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/segment_rows.h"
#include "tests/unit/catalog/index/server_catalog_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::WalSegment;
using test::rows_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StoredSegmentsTest : public ServerCatalogFixture {
 protected:
  SegmentSet held() const { return archive_.inventory().segments; }
  IndexedSegments indexed() { return {catalog_, archive_, held(), catalog_.known_of(held()), unreadable_}; }
  static SegmentSum sum(StoredSegments& segments, const SegmentRun& run) {
    return segments.sum(std::span(&run, 1));
  }
  std::uint64_t bytes_of(std::uint64_t number) const {
    return std::filesystem::file_size(layout_.archived({kOne, number}, size_));
  }
  void change_rows(const char* statement) const {
    io::Database(layout_.index(), io::Database::Mode::read_write).execute(statement);
  }

  std::vector<std::string> unreadable_;
};

TEST_F(StoredSegmentsTest, AddUpWhatTheRowsTell) {
  for (std::uint64_t number = 4; number < 7; ++number) archive({kOne, number});
  archive_with_times({kOne, 7});
  auto segments = indexed();
  EXPECT_EQ(sum(segments, {kOne, 5, 9}), (SegmentSum{.segments = 3,
                                                     .stored_bytes = bytes_of(5) + bytes_of(6) + bytes_of(7),
                                                     .with_commits_known = 3,
                                                     .latest_commit = kMorning}));
  EXPECT_EQ(sum(segments, {kOne, 4, 6}).latest_commit, std::nullopt);
  EXPECT_EQ(segments.sum(held().runs()).segments, 4u);
  EXPECT_EQ(sum(segments, {kTwo, 4, 6}), SegmentSum());
}

TEST_F(StoredSegmentsTest, AddUpEachTimelineByItself) {
  switch_timeline();
  for (std::uint64_t number = 4; number < 7; ++number) archive({kOne, number});
  archive_with_times({kTwo, 5});
  archive_with_times({kTwo, 7});
  auto segments = indexed();
  const std::vector<SegmentRun> runs{{kOne, 1, 9}, {kTwo, 1, 9}, {kTwo, 6, 6}, {kOne, 6, 6}};
  const auto sums = segments.sums(runs);
  ASSERT_THAT(sums, SizeIs(4));
  EXPECT_EQ(sums[0].segments, 3u);
  EXPECT_EQ(sums[0].latest_commit, std::nullopt);
  EXPECT_EQ(sums[1].segments, 2u);
  EXPECT_EQ(sums[1].latest_commit, kMorning);
  EXPECT_EQ(sums[2], SegmentSum());
  EXPECT_EQ(sums[3].stored_bytes, bytes_of(6));
}

TEST_F(StoredSegmentsTest, AreOfTheFilesWhereTheIndexLacksThem) {
  archive({kOne, 4});
  archive({kOne, 5});
  store_segment({kOne, 6});
  archive({kOne, 7});
  std::filesystem::remove(layout_.archived({kOne, 4}, size_));
  auto segments = indexed();
  EXPECT_EQ(sum(segments, {kOne, 4, 6}).stored_bytes, bytes_of(5) + bytes_of(6));
  auto sound = ServerCatalog::open(layout_);
  EXPECT_THAT(rows_of(segments), SizeIs(3));
  EXPECT_EQ(rows_of(segments), rows_of(sound));
  EXPECT_THAT(unreadable_, IsEmpty());
}

TEST_F(StoredSegmentsTest, TellOfFilesThatCannotBeRead) {
  store_segment({kOne, 5});
  io::write_file_durably(layout_.archived({kOne, 5}, size_), io::as_bytes("no segment"));
  auto segments = indexed();
  EXPECT_EQ(segments.sum(held().runs()), SegmentSum());
  EXPECT_THAT(unreadable_, ElementsAre(HasSubstr("000000010000000000000005")));
}

TEST_F(StoredSegmentsTest, AreTheSameOutOfTheFilesButForTimes) {
  archive({kOne, 4});
  archive_with_times({kOne, 5});
  SegmentFiles files(archive_, held());
  std::filesystem::remove(layout_.archived({kOne, 4}, size_));
  EXPECT_EQ(sum(files, {kOne, 1, 9}),
            (SegmentSum{.segments = 1, .stored_bytes = bytes_of(5), .latest_commit = {}}));
  ASSERT_THAT(rows_of(files), SizeIs(1));
  EXPECT_EQ(rows_of(files)[0].segment, (WalSegment{kOne, 5}));
}

TEST_F(StoredSegmentsTest, RefuseRowsThatCannotBe) {
  for (std::uint64_t number = 4; number < 7; ++number) archive_with_times({kOne, number});
  for (const auto* change :
       {"stored_bytes = -1", "stored_bytes = 'many'", "stored_bytes = 1.5", "commits_known = x'00'",
        "commits_known = 2", "commits_known = 0.5", "latest_commit = 'noon'",
        "latest_commit = latest_commit - 0.5", "latest_commit = NULL", "latest_commit = 5",
        "earliest_commit = NULL", "number = -5", "number = 5.5", "begin_lsn = end_lsn",
        "begin_lsn = -begin_lsn", "begin_lsn = 'here'", "end_lsn = end_lsn * 2",
        "begin_lsn = begin_lsn - 1048576, end_lsn = end_lsn - 1048576"}) {
    SCOPED_TRACE(change);
    change_rows(("UPDATE segments SET " + std::string(change) + " WHERE number = 5").c_str());
    EXPECT_THROW(indexed().sum(held().runs()), Corruption);
    EXPECT_THROW(rows_of(catalog_), Corruption);
    EXPECT_TRUE(ServerCatalog::open(layout_).opened_anew().has_value());
  }
}

TEST_F(StoredSegmentsTest, RefuseAnIndexWithRowsThatNoQuestionFinds) {
  archive({kOne, 4});
  archive({kOne, 5});
  for (const auto* change :
       {"timeline = 0", "timeline = -1", "timeline = 4294967297", "timeline = 1.5", "number = -5"}) {
    change_rows(("UPDATE segments SET " + std::string(change) + " WHERE number = 5").c_str());
    EXPECT_THROW(catalog_.known_of(held()), Corruption) << change;
    EXPECT_TRUE(ServerCatalog::open(layout_).opened_anew().has_value()) << change;
  }
}

TEST_F(StoredSegmentsTest, RefuseSizesThatAddUpToNone) {
  archive({kOne, 4});
  archive({kOne, 5});
  change_rows("UPDATE segments SET stored_bytes = 9223372036854775807");
  EXPECT_THROW(indexed().sum(held().runs()), Corruption);
}

}  // namespace
}  // namespace pgkeep::catalog
