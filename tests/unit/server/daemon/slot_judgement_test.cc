#include "server/daemon/slot_judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using streaming::WalStatus;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

class SlotJudgementTest : public ::testing::Test {
 protected:
  SlotVerdict look(const SlotFacts& answer, std::uint64_t limit = kNoLimit) {
    return judge_slot(answer, limit, memory_);
  }
  SlotMemory memory_;
};

TEST_F(SlotJudgementTest, SaysNothingOfASlotThatIsWell) {
  const auto verdict = look(slot(WalStatus::reserved, 5 * kMiB), 100 * kMiB);
  EXPECT_THAT(verdict.lines, IsEmpty());
  EXPECT_THAT(verdict.warning, IsEmpty());
  EXPECT_FALSE(verdict.lost);
  EXPECT_FALSE(verdict.give_up);
}

TEST_F(SlotJudgementTest, SaysOnceThatAnExtendedSlotGrows) {
  EXPECT_THAT(look(slot(WalStatus::extended, 10 * kMiB)).lines, IsEmpty())
      << "nobody knows yet whether it grows";
  EXPECT_THAT(look(slot(WalStatus::extended, 20 * kMiB)).lines, SizeIs(1));
  EXPECT_THAT(look(slot(WalStatus::extended, 30 * kMiB)).lines, IsEmpty());
  EXPECT_THAT(look(slot(WalStatus::extended, 40 * kMiB)).warning, HasSubstr("it grows"));
  look(slot(WalStatus::reserved, 0));
  look(slot(WalStatus::extended, 10 * kMiB));
  EXPECT_THAT(look(slot(WalStatus::extended, 20 * kMiB)).lines, SizeIs(1)) << "it was well in between";
}

TEST_F(SlotJudgementTest, SaysOnceThatWalIsAboutToBeRemoved) {
  const auto verdict = look(slot(WalStatus::unreserved, 10 * kMiB));
  ASSERT_THAT(verdict.lines, SizeIs(1));
  EXPECT_TRUE(verdict.lines.front().grave);
  EXPECT_THAT(look(slot(WalStatus::unreserved, 10 * kMiB)).lines, IsEmpty());
}

TEST_F(SlotJudgementTest, RemembersALostSlotUntilSomebodyActsOnIt) {
  look(slot(WalStatus::extended, 10 * kMiB));
  EXPECT_TRUE(look(slot(WalStatus::lost, 0)).lost);
  EXPECT_TRUE(look(slot(WalStatus::lost, 0)).lost);
  memory_.loss_to_act_on = false;
  EXPECT_FALSE(look(slot(WalStatus::lost, 0)).lost);
  look(slot(WalStatus::reserved, 0));
  EXPECT_TRUE(look(slot(WalStatus::lost, 0)).lost);
  EXPECT_FALSE(look(slot(WalStatus::reserved, 0)).lost) << "another slot is there";
}

TEST_F(SlotJudgementTest, WarnsOfAShortIdleTimeout) {
  auto answer = slot(WalStatus::reserved, 0);
  answer.idle_timeout = std::chrono::minutes(30);
  EXPECT_THAT(look(answer).lines, SizeIs(1));
  EXPECT_THAT(look(answer).lines, IsEmpty());
  answer.idle_timeout = std::chrono::hours(48);
  EXPECT_THAT(look(answer).warning, IsEmpty());
}

TEST_F(SlotJudgementTest, WarnsAtFourFifthsOfTheLimit) {
  EXPECT_THAT(look(slot(WalStatus::reserved, 79 * kMiB), 100 * kMiB).warning, IsEmpty());
  const auto verdict = look(slot(WalStatus::reserved, 80 * kMiB), 100 * kMiB);
  EXPECT_THAT(verdict.lines, SizeIs(1));
  EXPECT_THAT(verdict.warning, HasSubstr("protect_primary"));
  EXPECT_FALSE(verdict.give_up);
  EXPECT_THAT(look(slot(WalStatus::reserved, 81 * kMiB), 100 * kMiB).lines, IsEmpty());
}

TEST_F(SlotJudgementTest, GivesUpAtTheLimit) {
  EXPECT_TRUE(look(slot(WalStatus::extended, 100 * kMiB), 100 * kMiB).give_up);
}

TEST_F(SlotJudgementTest, GivesUpAgainAsLongAsTheSlotIsTheSame) {
  EXPECT_TRUE(look(slot(WalStatus::extended, 100 * kMiB), 100 * kMiB).give_up);
  EXPECT_TRUE(look(slot(WalStatus::extended, 110 * kMiB), 100 * kMiB).give_up)
      << "the drop did not come about";
}

TEST_F(SlotJudgementTest, KeepsTheLimitWhenTheSlotMovedOnAndWasNotDropped) {
  EXPECT_TRUE(look(slot(WalStatus::extended, 100 * kMiB, 1000), 100 * kMiB).give_up);
  EXPECT_TRUE(look(slot(WalStatus::extended, 110 * kMiB, 2000), 100 * kMiB).give_up);
  EXPECT_FALSE(memory_.limit_after_giving_up);
}

TEST_F(SlotJudgementTest, NeverGivesUpASlotThatPgkeepHasNotMade) {
  auto foreign = slot(WalStatus::extended, 150 * kMiB);
  foreign.made_here = false;
  const auto verdict = look(foreign, 100 * kMiB);
  EXPECT_FALSE(verdict.give_up);
  ASSERT_THAT(verdict.lines, SizeIs(1));
  EXPECT_THAT(verdict.lines.front().text, HasSubstr("has not made the slot"));
  const auto later = look(foreign, 100 * kMiB);
  EXPECT_THAT(later.lines, IsEmpty()) << "it was said";
  EXPECT_THAT(later.warning, HasSubstr("has not made the slot"));
}

TEST_F(SlotJudgementTest, DoesNotGiveUpANewSlotForWhatTheServerKeepsAnyway) {
  look(slot(WalStatus::extended, 150 * kMiB, 1000), 100 * kMiB);
  memory_.given_up = true;
  look(SlotFacts(), 100 * kMiB);
  // The new one begins at the last checkpoint, which is far back.
  EXPECT_FALSE(look(slot(WalStatus::reserved, 120 * kMiB, 2000), 100 * kMiB).give_up);
  EXPECT_FALSE(look(slot(WalStatus::reserved, 160 * kMiB, 2000), 100 * kMiB).give_up);
  EXPECT_TRUE(look(slot(WalStatus::reserved, 221 * kMiB, 2000), 100 * kMiB).give_up);
}

TEST_F(SlotJudgementTest, ReturnsToTheLimitOnceTheStreamHasCaughtUp) {
  look(slot(WalStatus::extended, 150 * kMiB, 1000), 100 * kMiB);
  memory_.given_up = true;
  look(slot(WalStatus::reserved, 120 * kMiB, 2000), 100 * kMiB);
  look(slot(WalStatus::reserved, 10 * kMiB, 3000), 100 * kMiB);
  EXPECT_TRUE(look(slot(WalStatus::extended, 100 * kMiB, 3000), 100 * kMiB).give_up);
}

TEST_F(SlotJudgementTest, HasNothingToSayOfAMissingSlot) {
  const auto verdict = look(SlotFacts(), 100 * kMiB);
  EXPECT_THAT(verdict.lines, IsEmpty());
  EXPECT_FALSE(verdict.lost);
}

}  // namespace
}  // namespace pgkeep::server
