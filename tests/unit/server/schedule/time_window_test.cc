#include "server/schedule/time_window.h"

#include <gtest/gtest.h>

#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_seconds;

/// 2026-11-23 is a Monday.
local_seconds local(const std::string& text) {
  const auto time = io::parse_rfc3339(text + "Z").value();
  return local_seconds{std::chrono::floor<std::chrono::seconds>(time.time_since_epoch())};
}

TimeWindow window(const char* text) {
  std::string problem;
  const auto parsed = TimeWindow::parse(text, problem);
  EXPECT_TRUE(parsed) << problem;
  return parsed.value();
}

std::string problem_of(const char* text) {
  std::string problem;
  EXPECT_FALSE(TimeWindow::parse(text, problem)) << text;
  return problem;
}

TEST(TimeWindowTest, CoversFromItsBeginToJustBeforeItsEnd) {
  const struct {
    const char* window;
    const char* time;
    bool covered;
  } rows[] = {
      {"08:00-18:00", "2026-11-23 07:59:59", false},
      {"08:00-18:00", "2026-11-23 08:00:00", true},
      {"08:00-18:00", "2026-11-23 17:59:59", true},
      {"08:00-18:00", "2026-11-23 18:00:00", false},
      {"08:00-18:00", "2026-11-29 12:00:00", true},
      {"8:00-18:30", "2026-11-23 18:29:59", true},
      {"08:00-18:00 Mon-Fri", "2026-11-27 17:59:59", true},
      {"08:00-18:00 Mon-Fri", "2026-11-28 12:00:00", false},
      {"08:00-18:00 Mon..Fri", "2026-11-23 12:00:00", true},
      {"08:00-18:00 mon..friday", "2026-11-28 12:00:00", false},
      {"08:00-24:00", "2026-11-23 23:59:59", true},
      {"08:00-24:00", "2026-11-24 00:00:00", false},
      {"00:00-24:00 Sun", "2026-11-28 23:59:59", false},
      {"00:00-24:00 Sun", "2026-11-29 00:00:00", true},
      {"00:00-24:00 Sun", "2026-11-29 23:59:59", true},
      {"00:00-24:00 Sun", "2026-11-30 00:00:00", false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(window(row.window).covers(local(row.time)), row.covered) << row.window << " at " << row.time;
}

TEST(TimeWindowTest, BelongsToTheDayOnWhichItBeginsWhenItGoesOverMidnight) {
  const struct {
    const char* window;
    const char* time;
    bool covered;
  } rows[] = {
      {"22:00-06:00 Sat,Sun", "2026-11-28 05:00:00", false},  // the night that began on Friday
      {"22:00-06:00 Sat,Sun", "2026-11-28 21:59:59", false},
      {"22:00-06:00 Sat,Sun", "2026-11-28 22:00:00", true},
      {"22:00-06:00 Sat,Sun", "2026-11-29 05:59:59", true},
      {"22:00-06:00 Sat,Sun", "2026-11-29 06:00:00", false},
      {"22:00-06:00 Sat,Sun", "2026-11-30 05:59:59", true},  // Monday
      {"22:00-06:00 Sat,Sun", "2026-11-30 22:00:00", false},
      {"22:00-06:00", "2026-11-25 00:00:00", true},
      {"22:00-00:00 Sat", "2026-11-28 23:59:59", true},
      {"22:00-00:00 Sat", "2026-11-29 00:00:00", false},
      {"12:00-11:59", "2026-11-25 11:58:59", true},
      {"12:00-11:59", "2026-11-25 11:59:00", false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(window(row.window).covers(local(row.time)), row.covered) << row.window << " at " << row.time;
}

TEST(TimeWindowTest, EndsAtTheEndOfTheWindowThatCoversTheTime) {
  const struct {
    const char* window;
    const char* time;
    const char* end;
  } rows[] = {
      {"08:00-18:00", "2026-11-23 08:00:00", "2026-11-23 18:00:00"},
      {"08:00-18:00", "2026-11-23 17:59:59", "2026-11-23 18:00:00"},
      {"22:00-06:00", "2026-11-23 22:00:00", "2026-11-24 06:00:00"},
      {"22:00-06:00", "2026-11-24 05:59:59", "2026-11-24 06:00:00"},
      {"22:00-06:00", "2026-12-31 23:00:00", "2027-01-01 06:00:00"},
      {"08:00-24:00", "2026-11-23 09:00:00", "2026-11-24 00:00:00"},
      {"00:00-24:00", "2026-11-23 00:00:00", "2026-11-24 00:00:00"},
      {"00:00-24:00 Sat,Sun", "2026-11-28 12:00:00", "2026-11-29 00:00:00"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(window(row.window).end_after(local(row.time)), local(row.end)) << row.window << " " << row.time;
}

TEST(TimeWindowTest, LeavesATimeAsItIsThatIsNotCovered) {
  const auto night = local("2026-11-23 03:00:00");
  EXPECT_EQ(window("08:00-18:00").end_after(night), night);
}

TEST(TimeWindowTest, SaysWhatIsWrongAndWhatWouldBeRight) {
  const struct {
    const char* text;
    const char* problem;
  } rows[] = {
      {"", "'' is no time window; write one as 08:00-18:00 or 08:00-18:00 Mon-Fri"},
      {"08:00", "'08:00' is no time window; write one as 08:00-18:00 or 08:00-18:00 Mon-Fri"},
      {"Mon..Fri 08:00-18:00",
       "'Mon..Fri 08:00-18:00' is no time window; write one as 08:00-18:00 or 08:00-18:00 Mon-Fri"},
      {"08:00 - 18:00", "'08:00 - 18:00' is no time window; write one as 08:00-18:00 or 08:00-18:00 Mon-Fri"},
      {"08:00-18:00 Mon Tue",
       "'08:00-18:00 Mon Tue' is no time window; write one as 08:00-18:00 or 08:00-18:00 Mon-Fri"},
      {"08:00-", "'' is no time of day; write hours and minutes, from 00:00 to 24:00"},
      {"8-18", "'8' is no time of day; write hours and minutes, from 00:00 to 24:00"},
      {"08:00-24:01", "'24:01' is no time of day; write hours and minutes, from 00:00 to 24:00"},
      {"08:00-25:00", "'25:00' is no time of day; write hours and minutes, from 00:00 to 24:00"},
      {"08:60-09:00", "'08:60' is no time of day; write hours and minutes, from 00:00 to 24:00"},
      {"08:0-09:00", "'08:0' is no time of day; write hours and minutes, from 00:00 to 24:00"},
      {"008:00-09:00", "'008:00' is no time of day; write hours and minutes, from 00:00 to 24:00"},
      {"08:00-18:00:30", "'18:00:30' is no time of day; write hours and minutes, from 00:00 to 24:00"},
      {"08:00-08:00", "'08:00-08:00' ends when it begins; write 00:00-24:00 for the whole day"},
      {"24:00-06:00", "'24:00-06:00' begins at the end of the day; write 00:00-06:00, of the next day"},
      {"08:00-18:00 Mo", "'Mo' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun"},
      {"08:00-18:00 Mon,", "'' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun"},
      {"08:00-18:00 Sat..Mon", "'Sat..Mon' goes beyond Sunday; write Sat..Sun,Mon..Mon"},
  };
  for (const auto& row : rows) EXPECT_EQ(problem_of(row.text), row.problem);
}

TEST(TimeWindowTest, KeepsItsTextAndIsEqualToWhatIsWrittenTheSame) {
  EXPECT_EQ(window("08:00-18:00 Mon-Fri").text(), "08:00-18:00 Mon-Fri");
  EXPECT_EQ(window("08:00-18:00 Mon-Fri"), window("08:00-18:00 Mon-Fri"));
  EXPECT_NE(window("08:00-18:00 Mon-Fri"), window("08:00-18:00 Mon-Sat"));
}

}  // namespace
}  // namespace pgkeep::server
