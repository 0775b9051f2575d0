#include "streaming/receive/missing_wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineHistory;
using postgres::TimelineId;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kMiB = 1 << 20;
const postgres::WalSegmentSize kSize(kMiB);
constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};

Lsn at(double segments) {
  return Lsn(static_cast<std::uint64_t>(segments * kMiB));
}
TimelineHistory two_from(double fork) {
  return TimelineHistory::parse(kTwo, "1\t" + at(fork).to_string() + "\tpromoted\n");
}

class FarSideTest : public testing::Test {
 protected:
  std::optional<Lsn> far(double missing) const { return far_side(at(missing), left_, line_, kSize); }

  WhatIsLeft left_{.held_from = {}, .slot_from = {}, .in_wal = {}, .position = at(20.5)};
  TimelineHistory line_{kOne};
};

TEST_F(FarSideTest, IsWhereTheSlotHoldsWalBack) {
  left_.slot_from = at(12.5);
  EXPECT_EQ(far(5), at(12));
}

TEST_F(FarSideTest, IsWhereHeldWalBeginsAgain) {
  left_.slot_from = at(12.5);
  left_.held_from = at(8);
  EXPECT_EQ(far(5), at(8));
}

TEST_F(FarSideTest, IsWhereTheFilesBeginThatGoOnToTheEnd) {
  left_.slot_from = at(18.5);
  for (const std::uint64_t number : {9, 15, 16, 17, 18, 19, 20, 21, 22})
    left_.in_wal.push_back({kOne, number});
  EXPECT_EQ(far(5), at(15));
}

TEST_F(FarSideTest, KnowsThatAPositionAtASegmentsBeginHasNoFileYet) {
  left_.position = at(20);
  for (const std::uint64_t number : {18, 19}) left_.in_wal.push_back({kOne, number});
  EXPECT_EQ(far(5), at(18));
}

TEST_F(FarSideTest, AsksForFilesOnTheLineOnly) {
  line_ = two_from(18.5);
  left_.in_wal = {{kOne, 16}, {kOne, 17}, {kOne, 18}, {kTwo, 18}, {kTwo, 19}, {kTwo, 20}};
  EXPECT_EQ(far(5), at(16));
  left_.in_wal = {{kOne, 16}, {kOne, 17}, {kOne, 18}, {kTwo, 19}, {kTwo, 20}};
  EXPECT_EQ(far(5), at(19));
}

TEST_F(FarSideTest, IsTheServersPositionWhenNothingElseIsKnown) {
  left_.slot_from = at(3);  // before what is missing: it holds nothing
  EXPECT_EQ(far(5), at(20));
}

TEST_F(FarSideTest, IsNowhereWhenTheServerIsNotBeyond) {
  EXPECT_EQ(far(20), std::nullopt);
}

TEST(PiecesOfLineTest, AreOneATimeline) {
  EXPECT_THAT(
      pieces_of_line(two_from(18.5), at(16), at(20)),
      ElementsAre(catalog::WalRange{kOne, at(16), at(18.5)}, catalog::WalRange{kTwo, at(18.5), at(20)}));
  EXPECT_THAT(pieces_of_line(two_from(18.5), at(19), at(20)),
              ElementsAre(catalog::WalRange{kTwo, at(19), at(20)}));
  EXPECT_THAT(pieces_of_line(two_from(18.5), at(16), at(16)), IsEmpty());
}

}  // namespace
}  // namespace pgkeep::streaming
