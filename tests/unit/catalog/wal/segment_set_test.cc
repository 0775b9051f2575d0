#include "catalog/wal/segment_set.h"

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/chance.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using postgres::WalSegment;
using testing::ElementsAre;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};

TEST(SegmentSetTest, KeepsWhatFollowsOneAnotherAsOneRun) {
  SegmentSet set{{kOne, 5}, {kTwo, 5}, {kOne, 3}, {kOne, 4}, {kOne, 9}, {kOne, 3}};
  EXPECT_THAT(set.runs(),
              ElementsAre(SegmentRun{kOne, 3, 5}, SegmentRun{kOne, 9, 9}, SegmentRun{kTwo, 5, 5}));
  EXPECT_THAT(set, ElementsAre(WalSegment{kOne, 3}, WalSegment{kOne, 4}, WalSegment{kOne, 5},
                               WalSegment{kOne, 9}, WalSegment{kTwo, 5}));
  set.insert(SegmentRun{kOne, 4, 8});
  EXPECT_THAT(set.runs(), ElementsAre(SegmentRun{kOne, 3, 9}, SegmentRun{kTwo, 5, 5}));
}

TEST(SegmentSetTest, HasTheRunsOfATimeline) {
  const SegmentSet set{{kOne, 5}, {kTwo, 5}, {kTwo, 7}};
  EXPECT_THAT(set.runs_of(kTwo), ElementsAre(SegmentRun{kTwo, 5, 5}, SegmentRun{kTwo, 7, 7}));
  EXPECT_TRUE(set.runs_of(TimelineId(3)).empty());
}

TEST(SegmentSetTest, KnowsItsPlaceAtTheTopOfAllNumbers) {
  constexpr auto kTop = std::numeric_limits<std::uint64_t>::max();
  SegmentSet set{{kOne, 0}, {kTwo, 3}, {kOne, kTop}, {kOne, kTop - 1}};
  const SegmentRun top{kOne, kTop - 1, kTop};
  EXPECT_THAT(set.runs(), ElementsAre(SegmentRun{kOne, 0, 0}, top, SegmentRun{kTwo, 3, 3}));
  set.insert(SegmentRun{kOne, kTop - 5, kTop - 2});
  EXPECT_THAT(set.runs_of(kOne), ElementsAre(SegmentRun{kOne, 0, 0}, SegmentRun{kOne, kTop - 5, kTop}));
  EXPECT_TRUE(set.contains({kOne, kTop}));
  EXPECT_FALSE(set.contains({kTwo, kTop}));
  EXPECT_THAT(set.without({{kOne, kTop - 1}, {kTwo, 3}}).runs(),
              ElementsAre(SegmentRun{kOne, 0, 0}, SegmentRun{kOne, kTop - 5, kTop - 2},
                          SegmentRun{kOne, kTop, kTop}));
  EXPECT_THAT(set.without({{kOne, kTop}}).runs_of(kOne).back(), (SegmentRun{kOne, kTop - 5, kTop - 1}));
  EXPECT_THAT(set.last(3),
              ElementsAre(WalSegment{kOne, kTop - 1}, WalSegment{kOne, kTop}, WalSegment{kTwo, 3}));
}

TEST(SegmentSetTest, HasInARunWithoutEndWhatLiesInIt) {
  const SegmentRun endless{kOne, 5, std::numeric_limits<std::uint64_t>::max()};
  SegmentSet set(std::vector<SegmentRun>{endless, {kOne, 7, 9}});
  EXPECT_THAT(set.runs(), ElementsAre(endless));
  set.insert(SegmentRun{kOne, 11, 12});
  set.insert(WalSegment{kOne, endless.last});
  EXPECT_THAT(set.runs(), ElementsAre(endless));
}

TEST(SegmentSetTest, JoinsNoRunsOfTwoTimelines) {
  SegmentSet set{{kOne, 4}, {kTwo, 5}};
  set.insert(SegmentRun{kOne, 5, 9});
  set.insert(SegmentRun{kTwo, 1, 4});
  EXPECT_THAT(set.runs(), ElementsAre(SegmentRun{kOne, 4, 9}, SegmentRun{kTwo, 1, 5}));
}

TEST(SegmentSetTest, IsTheWalInItsRuns) {
  const postgres::WalSegmentSize size(1 << 20);
  EXPECT_EQ(range_of({kTwo, 3, 4}, size), (WalRange{kTwo, postgres::Lsn(3u << 20), postgres::Lsn(5u << 20)}));
}

/// Runs of few segments, so that they touch and overlap often.
SegmentRun any_run(test::Chance& chance) {
  const auto first = static_cast<std::uint64_t>(chance.number(0, 30));
  return {TimelineId(static_cast<std::uint32_t>(chance.number(1, 3))), first,
          first + static_cast<std::uint64_t>(chance.number(0, 4))};
}

class Pair {
 public:
  explicit Pair(test::Chance& chance) {
    std::vector<SegmentRun> at_once;
    for (int count = chance.number(0, 6); count > 0; --count) at_once.push_back(any_run(chance));
    set = SegmentSet(at_once);
    for (const auto& run : at_once) add(run);
    for (int count = chance.number(0, 6); count > 0; --count) {
      const auto run = any_run(chance);
      set.insert(run);
      add(run);
    }
  }
  SegmentSet set;
  std::set<WalSegment> model;

 private:
  void add(const SegmentRun& run) {
    for (auto number = run.first; number <= run.last; ++number) model.insert({run.timeline, number});
  }
};

void compare(const SegmentSet& set, const std::set<WalSegment>& model) {
  ASSERT_TRUE(std::ranges::equal(set, model));
  EXPECT_EQ(set.size(), model.size());
  EXPECT_EQ(set.empty(), model.empty());
  EXPECT_EQ(set, SegmentSet(std::vector<WalSegment>(model.rbegin(), model.rend())));
  for (std::uint32_t timeline = 1; timeline <= 4; ++timeline)
    for (std::uint64_t number = 0; number < 40; ++number) {
      const WalSegment segment{TimelineId(timeline), number};
      EXPECT_EQ(set.contains(segment), model.contains(segment));
    }
  if (model.empty()) return;
  EXPECT_EQ(set.front(), *model.begin());
  EXPECT_EQ(set.back(), *model.rbegin());
}

TEST(SegmentSetTest, IsLikeASetOfSegments) {
  const auto first = test::seed_of_environment().value_or(1);
  for (auto seed = first; seed < first + 300 && !HasFailure(); ++seed) {
    test::Chance chance(seed);
    SCOPED_TRACE(fmt::format("PGKEEP_SEED={}", seed));
    const Pair one(chance);
    const Pair other(chance);
    compare(one.set, one.model);
    auto both = one.model;
    both.insert(other.model.begin(), other.model.end());
    compare(one.set.with(other.set), both);
    std::set<WalSegment> rest;
    std::ranges::set_difference(one.model, other.model, std::inserter(rest, rest.end()));
    compare(one.set.without(other.set), rest);
    const auto count = static_cast<std::size_t>(chance.number(0, 10));
    std::set<WalSegment> last(
        std::prev(one.model.end(), static_cast<std::ptrdiff_t>(std::min(count, one.model.size()))),
        one.model.end());
    compare(one.set.last(count), last);
  }
}

}  // namespace
}  // namespace pgkeep::catalog
