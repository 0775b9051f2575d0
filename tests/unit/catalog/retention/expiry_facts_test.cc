#include "catalog/retention/expiry_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/records/identity.h"
#include "catalog/wal/wal_archive.h"
#include "tests/support/sample_wal.h"
#include "tests/support/segment_rows.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using postgres::WalSegment;
using testing::IsEmpty;
using testing::SizeIs;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};
const auto kNoon = io::parse_rfc3339("2026-11-29T12:00:00Z").value();

SegmentRow row(TimelineId timeline, std::uint64_t number, CommitTimes commits) {
  return {.segment = {timeline, number},
          .begin = {},
          .end = {},
          .first_time = {},
          .last_time = {},
          .commits = commits};
}

SegmentRow row(TimelineId timeline, std::uint64_t number) {
  const auto at = kNoon + std::chrono::hours(number);
  return row(timeline, number, {.known = true, .earliest = at, .latest = at});
}

TEST(ArchivedCommitsTest, AreTheLatestOfAllRunsOfATimeline) {
  test::ListedSegments stored({row(kOne, 4), row(kOne, 5), row(kOne, 8), row(kTwo, 5), row(kTwo, 9)});
  const auto commits = archived_commits(stored, {{kOne, 4}, {kOne, 5}, {kOne, 8}, {kTwo, 5}});
  ASSERT_THAT(commits, SizeIs(2));
  EXPECT_TRUE(commits.at(kOne).known);
  EXPECT_EQ(commits.at(kOne).latest, kNoon + std::chrono::hours(8));
  EXPECT_TRUE(commits.at(kTwo).known);
  EXPECT_EQ(commits.at(kTwo).latest, kNoon + std::chrono::hours(5));
}

TEST(ArchivedCommitsTest, AreNotKnownOfATimelineWithOneOfWhichTheyAreNot) {
  test::ListedSegments stored({row(kOne, 4), row(kOne, 5, {}), row(kOne, 6), row(kOne, 8), row(kTwo, 5)});
  const auto commits = archived_commits(stored, {{kOne, 4}, {kOne, 5}, {kOne, 6}, {kOne, 8}, {kTwo, 5}});
  EXPECT_FALSE(commits.at(kOne).known);
  EXPECT_TRUE(commits.at(kTwo).known);
}

TEST(ArchivedCommitsTest, AreNotKnownWhereOneIsMissingAtTheBorderOfARun) {
  const SegmentSet held{{kOne, 4}, {kOne, 5}, {kOne, 8}};
  for (const std::uint64_t missing : {4, 5, 8}) {
    std::vector<SegmentRow> rows;
    for (const std::uint64_t number : {3, 4, 5, 6, 7, 8, 9})
      if (number != missing) rows.push_back(row(kOne, number));
    test::ListedSegments stored(std::move(rows));
    EXPECT_FALSE(archived_commits(stored, held).at(kOne).known) << missing;
  }
}

class ExpiryFactsTest : public testing::Test {
 protected:
  ExpiryFactsTest() {
    layout_.make();
    confirm_identity(layout_, identity_);
  }
  void archived(const WalSegment& segment) const {
    const auto path = layout_.archived(segment, identity_.wal_segment_size);
    io::make_directories(path.parent_path());
    io::write_file_durably(path, io::as_bytes("WAL"));
  }
  void commit_backup() const {
    store::BackupRecord record(store::BackupId::parse("20261129T120000Z").value());
    record.server = "main";
    record.ended = kNoon;
    io::make_directories(layout_.backup(record.id));
    io::write_file_durably(layout_.record(record.id), io::as_bytes(record.to_json()));
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  ServerIdentity identity_{test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(), 8192};
};

TEST_F(ExpiryFactsTest, HaveTheBackupsAsTheyWereBeforeTheCommitsWereAskedFor) {
  archived({kOne, 4});
  const auto facts = gather_expiry_facts(layout_, [&](const WalInventory& names) {
    EXPECT_EQ(names.segments, (SegmentSet{{kOne, 4}}));
    archived({kOne, 5});
    commit_backup();
    return std::map<TimelineId, ArchivedCommits>{{kOne, {.known = true, .latest = kNoon}}};
  });
  EXPECT_THAT(facts.candidates, IsEmpty());
  EXPECT_EQ(facts.lines.back().held.names().segments, (SegmentSet{{kOne, 4}}));
  EXPECT_EQ(facts.lines.back().commits.at(kOne).latest, kNoon);
}

}  // namespace
}  // namespace pgkeep::catalog
