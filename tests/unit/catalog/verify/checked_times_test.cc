#include "catalog/verify/checked_times.h"

#include <limits>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/chance.h"

namespace pgkeep::catalog {
namespace {

using testing::ElementsAre;
using Range = CheckedTimes::Range;

io::TimePoint second(int number) {
  return io::TimePoint(std::chrono::seconds(number));
}

TEST(CheckedTimes, KeepsWhatFollowsEachOtherAndHasOneTimeAsOne) {
  CheckedTimes times;
  for (const std::uint64_t number : {7, 5, 6, 9}) times.note(number, second(1));
  EXPECT_THAT(times.ranges(), ElementsAre(Range{5, 7, second(1)}, Range{9, 9, second(1)}));
  times.note(8, second(1));
  EXPECT_THAT(times.ranges(), ElementsAre(Range{5, 9, second(1)}));
}

TEST(CheckedTimes, TakesALaterTimeOutOfTheMiddle) {
  CheckedTimes times;
  times.note({1, 9, second(1)});
  times.note({4, 5, second(2)});
  EXPECT_THAT(times.ranges(),
              ElementsAre(Range{1, 3, second(1)}, Range{4, 5, second(2)}, Range{6, 9, second(1)}));
  EXPECT_EQ(times.at(5), second(2));
  EXPECT_EQ(times.at(6), second(1));
  EXPECT_FALSE(times.at(10));
}

TEST(CheckedTimes, KnowsTheFirstAndTheLastNumberThereCanBe) {
  constexpr auto kLast = std::numeric_limits<std::uint64_t>::max();
  CheckedTimes times;
  times.note(0, second(1));
  times.note(kLast, second(1));
  times.note({1, 0, second(3)});  // none
  EXPECT_THAT(times.ranges(), ElementsAre(Range{0, 0, second(1)}, Range{kLast, kLast, second(1)}));
  times.note({0, kLast, second(2)});
  EXPECT_THAT(times.ranges(), ElementsAre(Range{0, kLast, second(2)}));
}

TEST(CheckedTimes, SaysWhatAListOfAllNumbersWouldSay) {
  test::Chance chance(20);
  for (int story = 0; story < 200; ++story) {
    CheckedTimes times;
    std::map<std::uint64_t, io::TimePoint> list;
    for (int step = 0; step < 30; ++step) {
      const auto first = static_cast<std::uint64_t>(chance.number(0, 39));
      const auto last = first + static_cast<std::uint64_t>(chance.number(0, 7));
      const auto at = second(chance.number(1, 4));
      times.note({first, last, at});
      for (auto number = first; number <= last; ++number) list[number] = at;
    }
    for (std::uint64_t number = 0; number < 50; ++number) {
      const auto known = list.find(number);
      EXPECT_EQ(times.at(number), known == list.end() ? std::nullopt : std::optional(known->second));
    }
    const auto ranges = times.ranges();
    for (std::size_t i = 1; i < ranges.size(); ++i)
      EXPECT_TRUE(ranges[i].first > ranges[i - 1].last + 1 || ranges[i].at != ranges[i - 1].at);
  }
}

}  // namespace
}  // namespace pgkeep::catalog
