#include "server/health/wal_facts.h"

#include <gtest/gtest.h>

#include "tests/support/held_builder.h"

namespace pgkeep::server {
namespace {

using postgres::TimelineId;
using test::at;
using test::Held;

constexpr TimelineId kOne(1);
constexpr TimelineId kTwo(2);

std::optional<postgres::Lsn> hole_from(const Held& held, TimelineId timeline, double start) {
  store::BackupRecord backup{store::BackupId(io::now())};
  backup.start = {timeline, at(start)};
  return gap_after(wal_facts(held.wal(), held.events), backup);
}

TEST(HoleBehindTest, IsNothingWhereAllIsStored) {
  EXPECT_EQ(hole_from(Held().segments(kOne, 1, 4), kOne, 1.5), std::nullopt);
}

TEST(HoleBehindTest, IsTheBeginningOfTheNextHole) {
  const auto held = Held().segments(kOne, 1, 1).segments(kOne, 3, 3).segments(kOne, 5, 5);
  EXPECT_EQ(hole_from(held, kOne, 1), at(2));
  EXPECT_EQ(hole_from(held, kOne, 3.5), at(4));
  EXPECT_EQ(hole_from(held, kOne, 5), std::nullopt);
}

TEST(HoleBehindTest, IsWhereWalOfWalLevelMinimalBegins) {
  auto held = Held().segments(kOne, 1, 4);
  auto minimal = test::gap(kOne, 2.5, 3);
  minimal.kind = catalog::EventKind::minimal_wal;
  held.recorded(minimal);
  EXPECT_EQ(hole_from(held, kOne, 1.5), at(2.5));
  EXPECT_EQ(hole_from(held, kOne, 3.5), std::nullopt);
}

TEST(HoleBehindTest, FollowsTheLineOverATimelineSwitch) {
  const auto held = Held().segments(kOne, 1, 1).segments(kTwo, 1, 3).history(kTwo, test::left(kOne, 1.5));
  EXPECT_EQ(hole_from(held, kOne, 1), std::nullopt);
}

TEST(HoleBehindTest, TakesNothingOfATimelineBehindItsEnd) {
  const auto held = Held().segments(kOne, 1, 2).segments(kTwo, 2, 3).history(kTwo, test::left(kOne, 1.5));
  EXPECT_EQ(hole_from(held, kOne, 1), at(1.5));
}

TEST(HoleBehindTest, SaysNothingOfABackupOnAnotherBranch) {
  const auto held = Held().segments(kTwo, 1, 3).history(kTwo, test::left(kOne, 1.5));
  EXPECT_EQ(hole_from(held, kOne, 2), std::nullopt);
}

TEST(WalFactsTest, TellHowFarWalIsHeldWhileTheNewestTimelineHasNothingYet) {
  const auto held = Held().segments(kOne, 1, 2).partial(kTwo, 3).history(kTwo, test::left(kOne, 3));
  EXPECT_EQ(wal_facts(held.wal(), {}).received, (postgres::WalPosition{kTwo, at(3)}));
}

}  // namespace
}  // namespace pgkeep::server
