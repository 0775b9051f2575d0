#include "server/health/wal_facts.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;

constexpr TimelineId kOne(1);
constexpr TimelineId kTwo(2);

WalFacts facts(std::vector<catalog::WalRange> ranges) {
  WalFacts wal;
  wal.received = {ranges.back().timeline, ranges.back().end};
  wal.ranges = std::move(ranges);
  return wal;
}

TEST(FirstMissing, IsNothingWhereAllIsStored) {
  const auto wal = facts({{kOne, Lsn(0x1000), Lsn(0x5000)}});
  EXPECT_EQ(first_missing(wal, TimelineHistory(kOne), {kOne, Lsn(0x1500)}), std::nullopt);
}

TEST(FirstMissing, IsTheBeginningOfTheNextHole) {
  const auto wal = facts(
      {{kOne, Lsn(0x1000), Lsn(0x2000)}, {kOne, Lsn(0x3000), Lsn(0x4000)}, {kOne, Lsn(0x5000), Lsn(0x6000)}});
  const TimelineHistory line(kOne);
  EXPECT_EQ(first_missing(wal, line, {kOne, Lsn(0x1000)}), Lsn(0x2000));
  EXPECT_EQ(first_missing(wal, line, {kOne, Lsn(0x3800)}), Lsn(0x4000));
  EXPECT_EQ(first_missing(wal, line, {kOne, Lsn(0x5000)}), std::nullopt);
}

TEST(FirstMissing, FollowsTheLineOverATimelineSwitch) {
  const auto line = TimelineHistory::parse(kTwo, "1\t0/1800\tno recovery target specified\n");
  const auto wal = facts({{kOne, Lsn(0x1000), Lsn(0x2000)}, {kTwo, Lsn(0x1000), Lsn(0x4000)}});
  EXPECT_EQ(first_missing(wal, line, {kOne, Lsn(0x1000)}), std::nullopt);
}

TEST(FirstMissing, TakesNothingOfATimelineBehindItsEnd) {
  const auto line = TimelineHistory::parse(kTwo, "1\t0/1800\tno recovery target specified\n");
  const auto wal = facts({{kOne, Lsn(0x1000), Lsn(0x3000)}, {kTwo, Lsn(0x2000), Lsn(0x4000)}});
  EXPECT_EQ(first_missing(wal, line, {kOne, Lsn(0x1000)}), Lsn(0x1800));
}

TEST(FirstMissing, SaysNothingOfABackupOnAnotherBranch) {
  const auto line = TimelineHistory::parse(kTwo, "1\t0/1800\tno recovery target specified\n");
  const auto wal = facts({{kTwo, Lsn(0x1000), Lsn(0x4000)}});
  EXPECT_EQ(first_missing(wal, line, {kOne, Lsn(0x2000)}), std::nullopt);
}

}  // namespace
}  // namespace pgkeep::server
