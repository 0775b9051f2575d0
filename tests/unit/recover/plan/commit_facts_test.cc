#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "catalog/records/identity.h"
#include "catalog/wal/wal_archive_writer.h"
#include "recover/plan/plan.h"
#include "tests/support/temp_directory.h"
#include "tests/support/wal_builder.h"

namespace pgkeep::recover {
namespace {

using namespace std::chrono_literals;
using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using postgres::WalSegment;
using test::WalBuilder;
using testing::IsEmpty;

constexpr std::uint64_t kMiB = test::kSampleSegmentBytes;
const io::TimePoint kNoon = io::parse_rfc3339("2026-11-20T12:00:00Z").value();

WalSegment segment(std::uint64_t number) {
  return {TimelineId(1), number};
}

/// A backup in segment 5 that ended at noon, and WAL from there on.
class CommitFactsTest : public testing::Test {
 protected:
  CommitFactsTest() { catalog::confirm_identity(layout_, identity_); }

  void receive(std::uint64_t number, const io::ByteVector& plain) {
    io::make_directories(layout_.wal_streaming());
    io::write_file_durably(layout_.partial(segment(number), identity_.wal_segment_size), plain);
  }
  void archive(std::uint64_t number, const io::ByteVector& plain) {
    receive(number, plain);
    catalog::WalArchive archive(layout_, identity_);
    auto partial = catalog::PartialSegment::open(layout_, segment(number), identity_.wal_segment_size);
    catalog::WalArchiveWriter(archive).store_segment(partial, TimelineHistory(TimelineId(1)), 1);
  }
  RecoveryFacts facts_for(const RecoveryRequest& request) const {
    auto facts = gather_facts(layout_);
    store::BackupRecord backup{store::BackupId(kNoon)};
    backup.start = backup.end = {TimelineId(1), Lsn(5 * kMiB + 100)};
    backup.started = backup.ended = kNoon;
    facts.backups.push_back(backup);
    add_commit_times(layout_, request, facts);
    return facts;
  }
  static RecoveryRequest to(io::TimePoint time) {
    RecoveryRequest request;
    request.target.where = TargetTime{.time = time, .text = "", .zone_assumed = false};
    return request;
  }
  /// The latest commit of a segment that was looked at.
  static std::optional<io::TimePoint> latest(const RecoveryFacts& facts, std::uint64_t number) {
    return facts.commits.at(segment(number)).latest;
  }

  test::TempDirectory directory_;
  store::ServerLayout layout_{directory_ / "main"};
  catalog::ServerIdentity identity_{test::kSampleSystem, test::kSampleMajor, test::sample_segment_size(),
                                    8192};
};

TEST_F(CommitFactsTest, GoUpToTheSegmentWhereRecoveryStops) {
  WalBuilder wal(Lsn(4 * kMiB));
  for (int number = 4; number <= 8; ++number) {
    wal.commit(kNoon + std::chrono::minutes(number));
    wal.switch_wal();
  }
  for (int number = 4; number <= 7; ++number)
    archive(static_cast<std::uint64_t>(number), wal.segment(static_cast<std::size_t>(number - 4)));
  receive(8, wal.segment(4));

  const auto some = facts_for(to(kNoon + 5min + 30s));
  EXPECT_FALSE(some.commits.contains(segment(4))) << "before the backup";
  EXPECT_EQ(latest(some, 5), kNoon + 5min);
  EXPECT_EQ(latest(some, 6), kNoon + 6min);
  EXPECT_FALSE(some.commits.contains(segment(7))) << "behind the stop";
  const auto all = facts_for(to(kNoon + 9min));
  EXPECT_EQ(latest(all, 8), kNoon + 8min) << "still being received";
}

TEST_F(CommitFactsTest, CountTheLastCommitThoughItGoesOnIntoAnotherSegment) {
  WalBuilder wal(Lsn(5 * kMiB));
  wal.commit(kNoon + 5min);
  wal.fill_to(Lsn(6 * kMiB - 16));
  wal.commit(kNoon + 6min);
  wal.switch_wal();
  archive(5, wal.segment(0));
  archive(6, wal.segment(1));
  const auto facts = facts_for(to(kNoon + 5min + 30s));
  EXPECT_EQ(latest(facts, 5), kNoon + 5min);
  EXPECT_EQ(latest(facts, 6), kNoon + 6min);
}

TEST_F(CommitFactsTest, AreNotReadForOtherTargetsOrWhenWalWillBeFetched) {
  WalBuilder wal(Lsn(5 * kMiB));
  wal.commit(kNoon);
  receive(5, wal.segment(0));
  EXPECT_THAT(facts_for({}).commits, IsEmpty());
  auto fetched = to(kNoon);
  fetched.wal_mode = WalMode::get_wal;
  EXPECT_THAT(facts_for(fetched).commits, IsEmpty());
}

TEST_F(CommitFactsTest, AreMissingOfASegmentWhoseHeaderIsDamaged) {
  WalBuilder wal(Lsn(5 * kMiB));
  wal.switch_wal();
  archive(5, wal.segment(0));
  wal.commit(kNoon + 6min);
  receive(6, wal.segment(1));
  auto file = io::File::open_or_create(layout_.archived(segment(5), identity_.wal_segment_size));
  file.write_at(io::ByteVector(8, std::byte{0xFF}), 64);
  const auto facts = facts_for(to(kNoon + 1min));
  EXPECT_FALSE(facts.commits.contains(segment(5)));
  EXPECT_EQ(latest(facts, 6), kNoon + 6min);
}

}  // namespace
}  // namespace pgkeep::recover
