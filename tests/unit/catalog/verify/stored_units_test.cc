#include "catalog/verify/stored_units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/sample_wal.h"

namespace pgkeep::catalog {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const auto kNow = io::parse_rfc3339("2026-11-29T12:00:00Z").value();

StoredUnit pack(std::uint32_t number, io::TimePoint written, std::uint64_t bytes = 100,
                std::uint32_t generation = 1) {
  return {store::PackName{number, store::PackKind::full, generation}, bytes, written};
}

StoredUnit segment(std::uint64_t number, io::TimePoint written, std::optional<unsigned> line = {}) {
  return {SegmentOfLine{line, {postgres::TimelineId(1), number}, test::sample_segment_size()}, 100, written};
}

std::vector<std::string> names(const VerificationPlan& plan) {
  std::vector<std::string> names;
  for (const auto* unit : plan.units) names.push_back(name_of(*unit));
  return names;
}

TEST(VerificationPlan, BeginsWithWhatWasProvedTheLongestAgo) {
  VerificationMemory memory;
  memory.note_sound(store::PackName{1, store::PackKind::full, 1}, kNow - 1h);
  const std::vector<StoredUnit> units{pack(1, kNow - 100h), pack(2, kNow - 20h), segment(5, kNow - 30h),
                                      pack(3, kNow - 10h)};
  const auto plan = plan_verification(units, memory, {}, kNow);
  EXPECT_THAT(names(plan), ElementsAre("000000010000000000000005", "00000002", "00000003", "00000001"));
  EXPECT_EQ(plan.bytes, 400);
  EXPECT_EQ(plan.left_units, 0);
}

TEST(VerificationPlan, TakesWhatWasWrittenForProvedAtThatTime) {
  VerificationMemory memory;
  memory.note_sound(store::PackName{1, store::PackKind::full, 1}, kNow - 50h);
  const VerificationLimits limits{.older_than = 24h};
  const std::vector<StoredUnit> units{pack(1, kNow - 2h, 100, 2), pack(2, kNow - 1h), pack(3, kNow - 24h)};
  EXPECT_THAT(names(plan_verification(units, memory, limits, kNow)), ElementsAre("00000003"));
}

TEST(VerificationPlan, BelievesNoTimeThatIsStillToCome) {
  VerificationMemory memory;
  memory.note_sound(store::PackName{1, store::PackKind::full, 1}, kNow + 1h);
  EXPECT_EQ(proved_at(pack(1, kNow + 2h), memory, kNow), io::TimePoint());
  EXPECT_EQ(proved_at(pack(1, kNow - 2h), memory, kNow), kNow - 2h);
}

TEST(VerificationPlan, EndsWithTheUnitThatReachesTheBudget) {
  const std::vector<StoredUnit> units{pack(1, kNow - 4h), pack(2, kNow - 3h), pack(3, kNow - 2h, 7)};
  const auto plan = plan_verification(units, {}, {.budget = 101}, kNow);
  EXPECT_THAT(names(plan), ElementsAre("00000001", "00000002"));
  EXPECT_EQ(plan.left_units, 1);
  EXPECT_EQ(plan.left_bytes, 7);
  EXPECT_THAT(names(plan_verification(units, {}, {.budget = 100}, kNow)), ElementsAre("00000001"));
}

TEST(VerificationPlan, AlwaysHasWhatWasDamaged) {
  VerificationMemory memory;
  memory.note_damage(
      {.kind = StoredKind::wal, .name = "000000010000000000000005", .line = 1, .what = "", .since = kNow});
  const std::vector<StoredUnit> units{segment(5, kNow), segment(5, kNow, 1), pack(1, kNow - 9h)};
  const auto plan = plan_verification(units, memory, {.older_than = 1h, .budget = 1}, kNow);
  ASSERT_THAT(names(plan), ElementsAre("000000010000000000000005"));
  EXPECT_EQ(plan.units.front(), &units[1]) << "none is copied";
  EXPECT_EQ(plan.left_units, 1);
}

TEST(VerificationPlan, IsEmptyWhereNothingIsOldEnough) {
  const std::vector<StoredUnit> units{pack(1, kNow - 1h)};
  const auto plan = plan_verification(units, {}, {.older_than = 2h}, kNow);
  EXPECT_THAT(plan.units, IsEmpty());
  EXPECT_EQ(plan.left_units, 0);
}

}  // namespace
}  // namespace pgkeep::catalog
