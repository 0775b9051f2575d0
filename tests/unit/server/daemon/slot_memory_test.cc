#include "server/daemon/slot_memory.h"

#include <gtest/gtest.h>

#include "server/health/findings.h"

namespace pgkeep::server {
namespace {

using streaming::WalStatus;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kNoLimit = 0;

SlotFacts slot(WalStatus status, std::uint64_t retained, std::uint64_t restart_lsn = 1000) {
  SlotFacts facts;
  facts.slot = streaming::SlotView{.restart_lsn = postgres::Lsn(restart_lsn),
                                   .timeline = {},
                                   .wal_status = status,
                                   .active = true,
                                   .active_pid = {},
                                   .retained_bytes = retained,
                                   .safe_wal_bytes = {},
                                   .invalidation = {},
                                   .user = {}};
  return facts;
}

class SlotMemoryTest : public ::testing::Test {
 protected:
  SlotFacts look(SlotFacts facts, std::uint64_t limit = kNoLimit) {
    memory_.see(facts, limit);
    return facts;
  }
  bool is_dropped(const SlotFacts& facts) { return is_to_be_dropped(look(facts, 100 * kMiB)); }
  SlotMemory memory_;
};

TEST_F(SlotMemoryTest, KnowsNoLimitWhereNoneIsSet) {
  EXPECT_EQ(look(slot(WalStatus::extended, 1000 * kMiB)).limit, 0u);
}

TEST_F(SlotMemoryTest, KnowsThatAnExtendedSlotGrowsUntilItIsWell) {
  EXPECT_FALSE(look(slot(WalStatus::extended, 10 * kMiB)).grows) << "nobody knows yet whether it grows";
  EXPECT_TRUE(look(slot(WalStatus::extended, 20 * kMiB)).grows);
  EXPECT_TRUE(look(slot(WalStatus::extended, 20 * kMiB)).grows);
  EXPECT_FALSE(look(slot(WalStatus::reserved, 0)).grows);
  EXPECT_FALSE(look(slot(WalStatus::extended, 10 * kMiB)).grows);
}

TEST_F(SlotMemoryTest, RemembersALostSlotUntilSomebodyActsOnIt) {
  look(slot(WalStatus::extended, 10 * kMiB));
  look(slot(WalStatus::lost, 0));
  look(slot(WalStatus::lost, 0));
  EXPECT_TRUE(memory_.loss_to_act_on);
  memory_.loss_to_act_on = false;
  look(slot(WalStatus::lost, 0));
  EXPECT_FALSE(memory_.loss_to_act_on);
  look(slot(WalStatus::reserved, 0));
  look(slot(WalStatus::lost, 0));
  EXPECT_TRUE(memory_.loss_to_act_on);
  look(slot(WalStatus::reserved, 0));
  EXPECT_FALSE(memory_.loss_to_act_on) << "another slot is there";
}

TEST_F(SlotMemoryTest, HasASlotDroppedAtTheLimitAsLongAsItIsThere) {
  EXPECT_FALSE(is_dropped(slot(WalStatus::extended, 99 * kMiB)));
  EXPECT_TRUE(is_dropped(slot(WalStatus::extended, 100 * kMiB)));
  EXPECT_TRUE(is_dropped(slot(WalStatus::extended, 110 * kMiB, 2000))) << "the drop did not come about";
  EXPECT_FALSE(memory_.limit_after_giving_up);
}

TEST_F(SlotMemoryTest, NeverHasASlotDroppedThatPgkeepHasNotMade) {
  auto foreign = slot(WalStatus::extended, 150 * kMiB);
  foreign.made_here = false;
  EXPECT_FALSE(is_dropped(foreign));
}

TEST_F(SlotMemoryTest, NeverHasALogicalSlotDropped) {
  auto logical = slot(WalStatus::extended, 150 * kMiB);
  logical.slot->physical = false;
  EXPECT_FALSE(is_dropped(logical)) << "it is an application's";
}

TEST_F(SlotMemoryTest, KeepsANewSlotInSpiteOfWhatTheServerKeepsAnyway) {
  look(slot(WalStatus::extended, 150 * kMiB, 1000), 100 * kMiB);
  memory_.given_up = true;
  look(SlotFacts(), 100 * kMiB);
  // The new one begins at the last checkpoint, which is far back.
  EXPECT_FALSE(is_dropped(slot(WalStatus::reserved, 120 * kMiB, 2000)));
  EXPECT_FALSE(is_dropped(slot(WalStatus::reserved, 160 * kMiB, 2000)));
  EXPECT_TRUE(is_dropped(slot(WalStatus::reserved, 221 * kMiB, 2000)));
}

TEST_F(SlotMemoryTest, ReturnsToTheLimitOnceTheStreamHasCaughtUp) {
  look(slot(WalStatus::extended, 150 * kMiB, 1000), 100 * kMiB);
  memory_.given_up = true;
  look(slot(WalStatus::reserved, 120 * kMiB, 2000), 100 * kMiB);
  look(slot(WalStatus::reserved, 10 * kMiB, 3000), 100 * kMiB);
  EXPECT_TRUE(is_dropped(slot(WalStatus::extended, 100 * kMiB, 3000)));
}

}  // namespace
}  // namespace pgkeep::server
