#include "server/schedule/job_timing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/schedule/samples.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string next(const JobTiming& timing, const char* last, const TimeZone& zone = TimeZone::utc(),
                 std::chrono::seconds offset = 0s) {
  const auto time = timing.next_after(at(last), zone, offset);
  return time ? io::format_rfc3339(*time) : "nothing";
}

TimeZone berlin() {
  return TimeZone::find("Europe/Berlin").value();
}

TEST(JobTimingTest, ReadsCalendarsIntervalsAndCron) {
  EXPECT_EQ(next(timing("02:00"), "2026-11-20T02:00:00Z"), "2026-11-21T02:00:00Z");
  EXPECT_EQ(next(timing("calendar Mon..Fri 02:30"), "2026-11-20T02:30:00Z"), "2026-11-23T02:30:00Z");
  EXPECT_EQ(next(timing("cron 0 2 1 * *"), "2026-11-20T02:30:00Z"), "2026-12-01T02:00:00Z");
  EXPECT_EQ(next(timing("every 6h"), "2026-11-20T01:15:00Z"), "2026-11-20T07:15:00Z");
}

TEST(JobTimingTest, KnowsNoTimeOfWhatTheClockDoesNotTell) {
  EXPECT_EQ(next(timing("after backup"), "2026-11-20T02:00:00Z"), "nothing");
  EXPECT_EQ(next(timing("never"), "2026-11-20T02:00:00Z"), "nothing");
  EXPECT_FALSE(timing("never").is_set());
  EXPECT_TRUE(timing("after backup").is_after_backup());
}

TEST(JobTimingTest, SaysWhatIsWrong) {
  std::string problem;
  EXPECT_EQ(JobTiming::parse("every now", problem), std::nullopt);
  EXPECT_THAT(problem, HasSubstr("after `every`, a duration from 1s to 366d is expected, as 6h, not 'now'"));
  EXPECT_EQ(JobTiming::parse("every 0s", problem), std::nullopt);
  EXPECT_EQ(JobTiming::parse("every 400d", problem), std::nullopt);
  problem.clear();
  EXPECT_EQ(JobTiming::parse("cron 0 2", problem), std::nullopt);
  EXPECT_NE(problem, "");
  EXPECT_EQ(JobTiming::parse("02-30 02:00", problem), std::nullopt);
  EXPECT_EQ(problem, "that never comes: no year has such a day");
  problem.clear();
  EXPECT_EQ(JobTiming::parse("tonight", problem), std::nullopt);
  EXPECT_NE(problem, "");
}

TEST(JobTimingTest, MeansTheClockOfItsZone) {
  EXPECT_EQ(next(timing("02:00"), "2026-11-20T02:00:00Z", berlin()), "2026-11-21T01:00:00Z");
  EXPECT_EQ(next(timing("02:00"), "2026-07-20T02:00:00Z", berlin()), "2026-07-21T00:00:00Z");
}

TEST(JobTimingTest, PutsEachTimeOffByTheOffset) {
  EXPECT_EQ(next(timing("02:00"), "2026-11-20T02:10:00Z", TimeZone::utc(), 20min), "2026-11-20T02:20:00Z");
  EXPECT_EQ(next(timing("02:00"), "2026-11-20T02:20:00Z", TimeZone::utc(), 20min), "2026-11-21T02:20:00Z");
}

TEST(JobTimingTest, RunsOnceInTheNightThatSkipsItsTime) {
  const auto at_half_past_two = timing("02:30");
  EXPECT_EQ(next(at_half_past_two, "2026-03-28T01:30:00Z", berlin()), "2026-03-29T01:00:00Z");
  EXPECT_EQ(next(at_half_past_two, "2026-03-29T01:00:00Z", berlin()), "2026-03-30T00:30:00Z");
}

TEST(JobTimingTest, RunsOnceInTheNightThatHasItsTimeTwice) {
  const auto at_half_past_two = timing("02:30");
  EXPECT_EQ(next(at_half_past_two, "2026-10-24T00:30:00Z", berlin()), "2026-10-25T00:30:00Z");
  EXPECT_EQ(next(at_half_past_two, "2026-10-25T00:30:00Z", berlin()), "2026-10-26T01:30:00Z");
  // A backup by hand in the second of the two hours: its 02:30 was an hour ago.
  EXPECT_EQ(next(at_half_past_two, "2026-10-25T01:10:00Z", berlin()), "2026-10-26T01:30:00Z");
}

}  // namespace
}  // namespace pgkeep::server
