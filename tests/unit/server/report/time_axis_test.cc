#include "server/report/time_axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/report/sample_report.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using test::kMorning;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::Field;

TEST(TimeAxisTest, PlacesTimesBetweenItsEdges) {
  const TimeAxis axis(kMorning - 10h, kMorning);
  EXPECT_THAT(axis.place(kMorning - 5h), DoubleEq(0.5));
  EXPECT_THAT(axis.place(kMorning - 99h), DoubleEq(0));
  EXPECT_THAT(axis.place(kMorning + 99h), DoubleEq(1));
}

TEST(TimeAxisTest, HasARoundTickNowAndThen) {
  EXPECT_THAT(TimeAxis(kMorning - 10h, kMorning).ticks(),
              ElementsAre(Field(&TimeAxis::Tick::label, "9 h ago"), Field(&TimeAxis::Tick::label, "6 h ago"),
                          Field(&TimeAxis::Tick::label, "3 h ago"), Field(&TimeAxis::Tick::label, "now")));
}

TEST(TimeAxisTest, HasFewTicksHoweverLongItIs) {
  for (const auto span : {1h, 47h, 24h * 400, 24h * 365 * 40})
    EXPECT_LE(TimeAxis(kMorning - span, kMorning).ticks().size(), 6u) << span.count();
}

TEST(TimeAxisTest, IsAnHourLongWhereNothingIsOlder) {
  EXPECT_THAT(TimeAxis(kMorning, kMorning).place(kMorning - 30min), DoubleEq(0.5));
}

}  // namespace
}  // namespace pgkeep::server
