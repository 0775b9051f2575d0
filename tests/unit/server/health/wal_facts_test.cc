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

/// Of backups that keep only their own WAL, segments 2 and 5, while all from 9 on stays.
Held with_removed() {
  auto held = Held().segments(kOne, 2, 2).segments(kOne, 5, 5).segments(kOne, 9, 12);
  for (const auto& range : {test::range(kOne, 3, 5), test::range(kOne, 6, 9)})
    held.recorded({{}, catalog::EventKind::removed, "let go", range});
  return held;
}

bool is_alone(const Held& held, double start, double end) {
  store::BackupRecord backup{store::BackupId(io::now())};
  backup.start = {kOne, at(start)};
  backup.end = {kOne, at(end)};
  return is_consistent_only(wal_facts(held.wal(), held.events), backup);
}

TEST(WalFactsTest, TellApartWhatRetentionLetGo) {
  const auto held = with_removed();
  const auto facts = wal_facts(held.wal(), held.events);
  EXPECT_TRUE(facts.gaps.empty());
  ASSERT_EQ(facts.removed.size(), 2u);
  EXPECT_EQ(facts.removed[1].range, test::range(kOne, 6, 9));
  EXPECT_EQ(hole_from(held, kOne, 2), std::nullopt);
  EXPECT_TRUE(is_alone(held, 2, 2.5));
  EXPECT_TRUE(is_alone(held, 5, 5.5));
  EXPECT_FALSE(is_alone(held, 9, 9.5));
  EXPECT_FALSE(is_alone(held, 5, 6.5)) << "it lacks WAL that it needs";
}

TEST(WalFactsTest, CountLostWalNoMoreBesideWhichRetentionLetGo) {
  auto held = with_removed();
  held.events.pop_back();
  held.recorded({{}, catalog::EventKind::removed, "let go", test::range(kOne, 6, 7)});
  held.recorded({{}, catalog::EventKind::gap, "lost", test::range(kOne, 7, 9)});
  EXPECT_TRUE(wal_facts(held.wal(), held.events).gaps.empty());
  held.segments(kOne, 7, 7);
  EXPECT_EQ(wal_facts(held.wal(), held.events).gaps.size(), 1u) << "7 is held, and what is lost follows it";
}

TEST(WalFactsTest, TellOfLostWalWithoutWhichABackupIsNotConsistentThoughItTouchesWhatWasLetGo) {
  auto held = Held().segments(kOne, 2, 2).segments(kOne, 10, 12);
  held.recorded({{}, catalog::EventKind::removed, "let go", test::range(kOne, 3, 9)});
  held.recorded({{}, catalog::EventKind::gap, "lost", test::range(kOne, 9, 10)});
  const auto facts = wal_facts(held.wal(), held.events);
  store::BackupRecord backup{store::BackupId(io::now())};
  backup.start = {kOne, at(9.2)};
  backup.end = {kOne, at(10.5)};
  EXPECT_TRUE(gap_after(facts, backup));
  EXPECT_FALSE(is_consistent_only(facts, backup));
}

TEST(WalFactsTest, CallNothingAnAlarmThatRetentionLetGo) {
  auto held = with_removed();
  for (auto& event : held.events) event.at = io::now();
  EXPECT_TRUE(late_alarms(held.events, io::now()).empty());
}

TEST(WalFactsTest, TellHowFarWalIsHeldWhileTheNewestTimelineHasNothingYet) {
  const auto held = Held().segments(kOne, 1, 2).partial(kTwo, 3).history(kTwo, test::left(kOne, 3));
  EXPECT_EQ(wal_facts(held.wal(), {}).received, (postgres::WalPosition{kTwo, at(3)}));
}

}  // namespace
}  // namespace pgkeep::server
