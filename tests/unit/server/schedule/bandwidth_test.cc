#include "server/schedule/bandwidth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/schedule/samples.h"

namespace pgkeep::server {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1u << 20;

BandwidthWindow limit(const char* text) {
  std::string problem;
  const auto parsed = BandwidthWindow::parse(text, problem);
  EXPECT_TRUE(parsed) << problem;
  return parsed.value();
}

std::string problem_of(const char* text) {
  std::string problem;
  EXPECT_FALSE(BandwidthWindow::parse(text, problem)) << text;
  return problem;
}

TEST(BandwidthTest, IsAWindowAndARate) {
  EXPECT_EQ(limit("08:00-20:00 20MiB/s").bytes_a_second(), 20 * kMiB);
  EXPECT_EQ(limit("08:00-20:00 20MiB").bytes_a_second(), 20 * kMiB);
  EXPECT_EQ(limit("08:00-18:00 Mon-Fri 32kB/s").bytes_a_second(), 32u << 10);
  EXPECT_EQ(limit("08:00-18:00 Mon-Fri 32kB/s").window(), window("08:00-18:00 Mon-Fri"));
  EXPECT_EQ(limit("00:00-24:00 0").bytes_a_second(), 0U);
  EXPECT_EQ(limit("08:00-20:00 20MiB/s").text(), "08:00-20:00 20MiB/s");
}

TEST(BandwidthTest, SaysWhatIsWrong) {
  EXPECT_THAT(problem_of("08:00-20:00"), HasSubstr("has no rate; write one as 08:00-20:00 20MiB/s"));
  EXPECT_THAT(problem_of("all day 20MiB/s"), HasSubstr("time"));
  EXPECT_THAT(problem_of("08:00-20:00 fast"),
              HasSubstr("'fast' is no rate; write one from 32 KiB/s to 1 GiB/s"));
  EXPECT_THAT(problem_of("08:00-20:00 20MiB/h"), HasSubstr("is no rate"));
  EXPECT_THAT(problem_of("08:00-20:00 31KiB/s"), HasSubstr("is no rate"));
  EXPECT_THAT(problem_of("08:00-20:00 2GiB/s"), HasSubstr("is no rate"));
}

TEST(BandwidthTest, HoldsInItsWindowOnTheClocksOfTheZone) {
  const std::vector limits{limit("08:00-20:00 Mon-Fri 20MiB/s")};
  const auto berlin = TimeZone::find("Europe/Berlin").value();
  EXPECT_EQ(bandwidth_at(limits, berlin, at("2026-11-23T06:59:59Z")), 0U);
  EXPECT_EQ(bandwidth_at(limits, berlin, at("2026-11-23T07:00:00Z")), 20 * kMiB);
  EXPECT_EQ(bandwidth_at(limits, berlin, at("2026-11-23T19:00:00Z")), 0U);
  EXPECT_EQ(bandwidth_at(limits, TimeZone::utc(), at("2026-11-23T07:00:00Z")), 0U);
  EXPECT_EQ(bandwidth_at(limits, berlin, at("2026-11-28T12:00:00Z")), 0U) << "a Saturday";
}

TEST(BandwidthTest, IsTheLowestWhereWindowsOverlap) {
  const std::vector limits{limit("00:00-24:00 50MiB/s"), limit("08:00-18:00 5MiB/s"), limit("12:00-13:00 0"),
                           limit("17:00-22:00 20MiB/s")};
  const auto rate = [&](const char* time) { return bandwidth_at(limits, TimeZone::utc(), at(time)) / kMiB; };
  EXPECT_EQ(rate("2026-11-23T03:00:00Z"), 50U);
  EXPECT_EQ(rate("2026-11-23T12:30:00Z"), 5U);
  EXPECT_EQ(rate("2026-11-23T17:30:00Z"), 5U);
  EXPECT_EQ(rate("2026-11-23T21:59:59Z"), 20U);
  EXPECT_EQ(rate("2026-11-23T22:00:00Z"), 50U);
}

}  // namespace
}  // namespace pgkeep::server
