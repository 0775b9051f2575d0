#include "server/daemon/backup_need.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using catalog::Event;
using catalog::EventKind;
using catalog::WalGap;
using catalog::WalRange;
using postgres::Lsn;
using postgres::TimelineId;
using postgres::WalPosition;

WalGap gap(std::uint64_t begin, std::uint64_t end, bool lost, std::uint32_t timeline = 1) {
  const WalRange range{TimelineId(timeline), Lsn(begin), Lsn(end)};
  if (!lost) return {range, std::nullopt};
  return {range, Event{io::now(), EventKind::gap, "removed", range}};
}

WalPosition at(std::uint64_t lsn, std::uint32_t timeline = 1) {
  return {TimelineId(timeline), Lsn(lsn)};
}

TEST(BackupNeedTest, ComesFromALostStretchBehindTheBackup) {
  const std::vector<WalGap> gaps{gap(100, 200, true)};
  EXPECT_EQ(gap_behind(gaps, at(50)), &gaps[0]);
  EXPECT_EQ(gap_behind(gaps, at(200)), nullptr) << "the backup begins behind it";
}

TEST(BackupNeedTest, DoesNotComeFromWalThatMayStillArrive) {
  const std::vector<WalGap> gaps{gap(100, 200, false)};
  EXPECT_EQ(gap_behind(gaps, at(50)), nullptr);
}

TEST(BackupNeedTest, NamesTheNewestOfSeveral) {
  const std::vector<WalGap> gaps{gap(100, 200, true), gap(300, 400, true), gap(500, 600, true, 2)};
  EXPECT_EQ(gap_behind(gaps, at(50)), &gaps[2]);
  EXPECT_EQ(gap_behind(gaps, at(450)), &gaps[2]);
  EXPECT_EQ(gap_behind(gaps, at(600, 2)), nullptr);
}

}  // namespace
}  // namespace pgkeep::server
