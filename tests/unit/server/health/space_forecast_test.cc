#include "server/health/space_forecast.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using store::SpaceSample;
using testing::DoubleNear;
using testing::HasSubstr;

constexpr double kGiB = 1 << 30;
constexpr std::uint64_t kTotal = std::uint64_t{1000} << 30;
constexpr io::TimePoint kNow{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)};

/// How much is used `days` before now, in GiB.
using UsedBefore = std::function<double(double days)>;

io::DiskSpace disk(double used_gib, std::uint64_t total = kTotal) {
  return {.total = total, .free = total - static_cast<std::uint64_t>(used_gib * kGiB)};
}

/// A sample every six hours for so many days.
std::vector<SpaceSample> samples(int days, const UsedBefore& used) {
  std::vector<SpaceSample> list;
  for (int quarter = 4 * days; quarter > 0; --quarter)
    list.push_back({kNow - quarter * 6h, disk(used(quarter / 4.0))});
  return list;
}

struct History {
  const char* what;
  int days;
  UsedBefore used;
  std::optional<double> full_in;  // days
  double tolerance = 0.01;
  bool is_known = true;
};

void PrintTo(const History& history, std::ostream* out) {
  *out << history.what;
}

class ForecastTest : public ::testing::TestWithParam<History> {};

TEST_P(ForecastTest, GoesOnAsItWent) {
  const auto& history = GetParam();
  const auto forecast = forecast_space(samples(history.days, history.used), disk(history.used(0)), kNow);
  ASSERT_EQ(forecast.has_value(), history.is_known);
  if (!forecast) return;
  ASSERT_EQ(forecast->days_until_full.has_value(), history.full_in.has_value());
  if (history.full_in) {
    EXPECT_THAT(*forecast->days_until_full, DoubleNear(*history.full_in, history.tolerance));
  }
}

double since(double days, double began) {
  return std::max(0.0, began - days);
}
INSTANTIATE_TEST_SUITE_P(
    Table, ForecastTest,
    ::testing::Values(History{"nothing was seen", 0, [](double) { return 500; }, {}, 0, false},
                      History{"one day is too little", 1, [](double d) { return 500 - d; }, {}, 0, false},
                      History{"two days are enough", 2, [](double d) { return 500 - 10 * d; }, 50},
                      History{"ten GiB a day for four weeks", 28, [](double d) { return 900 - 10 * d; }, 10},
                      History{"what was before four weeks does not count", 35,
                              [](double d) { return d > 28 ? 0 : 900 - 10 * d; }, 10},
                      History{"nothing changes", 28, [](double) { return 900; }, {}},
                      History{"it empties", 28, [](double d) { return 500 + 5 * d; }, {}},
                      History{"a year and more is no forecast", 28, [](double d) { return 100 - d; }, {}},
                      History{"it is full", 28, [](double d) { return 1000 - 10 * d; }, 0},
                      History{"the first backup of a large server, two weeks ago",
                              28,
                              [](double d) { return d > 14 ? 300 : 800; },
                              {}},
                      History{"the first backup of a large server, yesterday",
                              28,
                              [](double d) { return d > 1 ? 300 : 800; },
                              {}},
                      History{"a large server has gone, and all else grows", 28,
                              [](double d) { return (d > 21 ? 500 : 200) + 300 - 10 * d; }, 50},
                      History{"each backup adds, each night's expiry takes as much",
                              28,
                              [](double d) { return 700 + 100 * (d - std::floor(d)); },
                              {}},
                      History{"backups add for a week, the expiry on Sunday takes all of it",
                              28,
                              [](double d) { return 600 + 20 * (7 - std::fmod(d, 7)); },
                              {},
                              0},
                      History{"backups on Sundays only", 28,
                              [](double d) { return 850 - 70 * std::ceil(d / 7); }, 18, 0.5},
                      History{"it has begun to fill and is full in two days", 28,
                              [](double d) { return 400 + 200 * since(d, 2); }, 1.4},
                      History{"it has begun to fill, and there is time",
                              28,
                              [](double d) { return 100 + 100 * since(d, 2); },
                              {}},
                      History{"first backups of three days, until a day ago",
                              28,
                              [](double d) { return d > 2.5   ? 100
                                                    : d > 1.5 ? 400
                                                    : d > 1   ? 700
                                                              : 900; },
                              {}},
                      History{"first backups of a new repository, until a day ago",
                              3,
                              [](double d) { return 800 - 400 * since(1, d); },
                              {}},
                      History{"a new repository that fills on both days, and slower since yesterday", 4,
                              [](double d) { return 500 - 10 * std::min(d, 1.0) - 100 * since(1, d); }, 50},
                      History{"a week is enough", 7,
                              [](double d) { return 800 - 10 * std::min(d, 1.0) - 100 * since(1, d); }, 2}));

/// At the end of a run each day: the only samples where no daemon runs.
TEST(SpaceForecastTest, TheFirstBackupIsNoTrendHoweverFewSamplesThereAre) {
  const std::vector<SpaceSample> daily{{kNow - 48h, disk(0)}, {kNow - 24h, disk(800)}};
  EXPECT_EQ(forecast_space(daily, disk(800), kNow)->days_until_full, std::nullopt);
  const std::vector<SpaceSample> one{{kNow - 48h, disk(0)}};
  EXPECT_FALSE(forecast_space(one, disk(800), kNow).has_value());
  const std::vector<SpaceSample> each_day{{kNow - 49h, disk(700)}, {kNow - 26h, disk(800)}};
  EXPECT_THAT(forecast_space(each_day, disk(900), kNow)->days_until_full,
              testing::Optional(DoubleNear(1, 0.2)));
}

TEST(SpaceForecastTest, AbsurdFiguresDoNotOverflow) {
  constexpr auto kAll = std::numeric_limits<std::uint64_t>::max();
  const std::vector<SpaceSample> list{{kNow - 48h, {kAll, kAll}}, {kNow - 24h, {kAll, kAll / 2}}};
  const auto json = space_json({.root = {}, .disk = {kAll, 1}, .samples = list}, {}, kNow);
  EXPECT_EQ(json.at("growth_bytes_a_day"), std::int64_t{1} << 60);
  EXPECT_EQ(json.at("days_until_full"), 0);
}

TEST(SpaceForecastTest, SamplesOfAClockThatWasAheadDoNotCount) {
  auto list = samples(28, [](double d) { return 900 - 10 * d; });
  list.push_back({kNow + 24h, disk(0)});
  EXPECT_THAT(*forecast_space(list, disk(900), kNow)->days_until_full, DoubleNear(10, 0.01));
}

TEST(SpaceForecastTest, ALargerDiskIsNoGrowth) {
  std::vector<SpaceSample> list;
  for (int day = 28; day > 0; --day)
    list.push_back({kNow - std::chrono::days(day), disk(900 - 10.0 * day, day > 7 ? kTotal : 2 * kTotal)});
  EXPECT_THAT(*forecast_space(list, disk(900, 2 * kTotal), kNow)->days_until_full, DoubleNear(110, 0.1));
}

TEST(SpaceForecastTest, IsToldWithWhatItIsConcludedFrom) {
  const auto told = [](int days, const UsedBefore& used) {
    return describe(forecast_space(samples(days, used), disk(used(0)), kNow));
  };
  EXPECT_EQ(told(28, [](double d) { return 900 - 10 * d; }),
            "full in 10 days at 10 GiB a day, as in the last 28 days");
  EXPECT_EQ(told(28, [](double) { return 900; }),
            "it will not be full within a year if it goes on as in the last 28 days");
  EXPECT_THAT(told(1, [](double) { return 900; }), HasSubstr("not known yet"));
}

TEST(SpaceForecastTest, IsTheSameInJson) {
  const SpaceFacts facts{
      .root = "/backups", .disk = disk(900), .samples = samples(28, [](double d) { return 900 - 10 * d; })};
  const auto json = space_json(facts, {5, true}, kNow);
  EXPECT_EQ(json.at("reserve_bytes"), kTotal / 20);
  EXPECT_EQ(json.at("days_until_full"), 10);
  EXPECT_THAT(json.at("growth_bytes_a_day").get<double>(), DoubleNear(10 * kGiB, kGiB / 100));
  EXPECT_EQ(space_json({.root = {}, .disk = disk(900), .samples = {}}, {}, kNow).at("days_until_full"),
            nullptr);
}

}  // namespace
}  // namespace pgkeep::server
