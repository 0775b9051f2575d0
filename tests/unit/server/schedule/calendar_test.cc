#include "server/schedule/calendar.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "catalog/io/units.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_seconds;

local_seconds local(const std::string& text) {
  const auto time = io::parse_rfc3339(text + "Z").value();
  return local_seconds{std::chrono::floor<std::chrono::seconds>(time.time_since_epoch())};
}

std::string shown(std::optional<local_seconds> time) {
  return time ? io::format_time(io::TimePoint{time->time_since_epoch()}).substr(0, 19) : "never";
}

using Parse = std::optional<CalendarExpression>(std::string_view, std::string&);

CalendarExpression expression(const char* text, Parse* parse = CalendarExpression::parse) {
  std::string problem;
  const auto parsed = parse(text, problem);
  EXPECT_TRUE(parsed) << text << ": " << problem;
  return parsed.value();
}

std::string problem_of(const char* text, Parse* parse = CalendarExpression::parse) {
  std::string problem;
  EXPECT_FALSE(parse(text, problem)) << text;
  return problem;
}

using Times = std::vector<std::string>;

/// The next times after `begin`: as many as are asked for, and "never" when there are no more.
Times times_after(const char* begin, std::size_t count, const CalendarExpression& when) {
  Times times;
  std::optional<local_seconds> time = local(begin);
  while (time && times.size() < count) times.push_back(shown(time = when.next_after(*time)));
  return times;
}

struct NextTimes {
  const char* text;
  const char* after;
  Times times;
};

void expect_next_times(std::initializer_list<NextTimes> rows, Parse* parse) {
  for (const auto& [text, after, times] : rows)
    EXPECT_EQ(times_after(after, times.size(), expression(text, parse)), times) << text << " after " << after;
}

// ---------------------------------------------------------------------------------------------- systemd

TEST(CalendarTest, FindsTheNextTimesOfDay) {
  expect_next_times(
      {
          {"02:30", "2026-11-23 02:29:59", {"2026-11-23 02:30:00", "2026-11-24 02:30:00"}},
          {"02:30", "2026-11-23 02:30:00", {"2026-11-24 02:30:00"}},
          {"02:30:15", "2026-12-31 02:30:15", {"2027-01-01 02:30:15"}},
          {"*:0/15", "2026-11-23 23:40:00", {"2026-11-23 23:45:00", "2026-11-24 00:00:00"}},
          {"*:5/15", "2026-11-23 10:00:00", {"2026-11-23 10:05:00", "2026-11-23 10:20:00"}},
          {"*:*/20", "2026-11-23 10:00:00", {"2026-11-23 10:20:00", "2026-11-23 10:40:00"}},
          {"0..6:00", "2026-11-23 05:00:00", {"2026-11-23 06:00:00", "2026-11-24 00:00:00"}},
          {"1,13:00", "2026-11-23 00:00:00", {"2026-11-23 01:00:00", "2026-11-23 13:00:00"}},
          {"8..18/5:30", "2026-11-23 08:30:00", {"2026-11-23 13:30:00", "2026-11-23 18:30:00"}},
          {"*:*:*", "2026-11-23 23:59:58", {"2026-11-23 23:59:59", "2026-11-24 00:00:00"}},
          {"9:10:30", "2026-11-23 09:10:31", {"2026-11-24 09:10:30"}},
          {"9,10:20,40:0", "2026-11-23 09:40:00", {"2026-11-23 10:20:00", "2026-11-23 10:40:00"}},
      },
      CalendarExpression::parse);
}

TEST(CalendarTest, FindsTheNextDays) {
  expect_next_times(
      {
          {"Mon..Fri 02:30", "2026-11-27 02:30:00", {"2026-11-30 02:30:00", "2026-12-01 02:30:00"}},
          {"Sat,Sun", "2026-11-23 00:00:00", {"2026-11-28 00:00:00", "2026-11-29 00:00:00"}},
          {"*-*-01 03:00", "2026-11-23 00:00:00", {"2026-12-01 03:00:00", "2027-01-01 03:00:00"}},
          {"2026-12-24", "2026-11-23 00:00:00", {"2026-12-24 00:00:00", "never"}},
          {"12-24", "2026-12-24 00:00:00", {"2027-12-24 00:00:00"}},
          {"*-1,7-* 12:00", "2026-07-31 12:00:00", {"2027-01-01 12:00:00", "2027-01-02 12:00:00"}},
          {"Sun *-*-1..7 04:00", "2026-11-23 00:00:00", {"2026-12-06 04:00:00", "2027-01-03 04:00:00"}},
          {"Fri *-*-13", "2026-11-23 00:00:00", {"2027-08-13 00:00:00"}},
          {"*-*-1/10", "2026-11-21 00:00:00", {"2026-12-01 00:00:00", "2026-12-11 00:00:00"}},
          {"*-*/6-01", "2026-11-23 00:00:00", {"2027-01-01 00:00:00", "2027-07-01 00:00:00"}},
          {"2028..2030/2-1-1",
           "2026-11-23 00:00:00",
           {"2028-01-01 00:00:00", "2030-01-01 00:00:00", "never"}},
          {"*/10-1-1", "2026-11-23 00:00:00", {"2030-01-01 00:00:00", "2040-01-01 00:00:00"}},
      },
      CalendarExpression::parse);
}

TEST(CalendarTest, ReadsTheWordsForWhatIsUsual) {
  expect_next_times(
      {
          {"minutely", "2026-11-25 09:59:00", {"2026-11-25 10:00:00", "2026-11-25 10:01:00"}},
          {"hourly", "2026-11-25 09:59:00", {"2026-11-25 10:00:00", "2026-11-25 11:00:00"}},
          {"daily", "2026-11-25 09:59:00", {"2026-11-26 00:00:00", "2026-11-27 00:00:00"}},
          {"Weekly", "2026-11-25 09:59:00", {"2026-11-30 00:00:00", "2026-12-07 00:00:00"}},
          {"monthly", "2026-11-25 09:59:00", {"2026-12-01 00:00:00", "2027-01-01 00:00:00"}},
          {"quarterly", "2026-05-25 09:59:00", {"2026-07-01 00:00:00", "2026-10-01 00:00:00"}},
          {"semiannually", "2026-05-25 09:59:00", {"2026-07-01 00:00:00", "2027-01-01 00:00:00"}},
          {"yearly", "2026-11-25 09:59:00", {"2027-01-01 00:00:00", "2028-01-01 00:00:00"}},
          {"ANNUALLY", "2026-11-25 09:59:00", {"2027-01-01 00:00:00", "2028-01-01 00:00:00"}},
      },
      CalendarExpression::parse);
}

TEST(CalendarTest, LeavesOutTheMonthsAndYearsThatLackTheDay) {
  expect_next_times(
      {
          {"*-*-31", "2026-03-31 00:00:00", {"2026-05-31 00:00:00", "2026-07-31 00:00:00"}},
          {"*-*-30", "2026-01-30 00:00:00", {"2026-03-30 00:00:00"}},
          {"*-02-29", "2026-01-01 00:00:00", {"2028-02-29 00:00:00", "2032-02-29 00:00:00"}},
          {"*-02-29", "2096-02-29 00:00:00", {"2104-02-29 00:00:00"}},  // 2100 is no leap year
          {"Mon *-02-29", "2026-01-01 00:00:00", {"2044-02-29 00:00:00"}},
          {"*-*-29", "2026-01-29 00:00:00", {"2026-03-29 00:00:00"}},
          {"daily", "2028-02-28 00:00:00", {"2028-02-29 00:00:00", "2028-03-01 00:00:00"}},
      },
      CalendarExpression::parse);
}

TEST(CalendarTest, CountsDaysFromTheEndOfTheMonth) {
  expect_next_times(
      {
          {"*-*~01",
           "2026-01-01 00:00:00",
           {"2026-01-31 00:00:00", "2026-02-28 00:00:00", "2026-03-31 00:00:00"}},
          {"*-02~01", "2027-12-31 00:00:00", {"2028-02-29 00:00:00", "2029-02-28 00:00:00"}},
          {"02~03", "2026-01-01 00:00:00", {"2026-02-26 00:00:00"}},
          {"*-*~1..2", "2026-04-01 00:00:00", {"2026-04-29 00:00:00", "2026-04-30 00:00:00"}},
          {"*-*~5/2",
           "2026-04-01 00:00:00",
           {"2026-04-26 00:00:00", "2026-04-28 00:00:00", "2026-04-30 00:00:00"}},
          {"Mon *-05~7/1", "2026-01-01 00:00:00", {"2026-05-25 00:00:00", "2027-05-31 00:00:00"}},
          {"*-*~31", "2026-02-28 00:00:00", {"2026-03-01 00:00:00", "2026-05-01 00:00:00"}},
      },
      CalendarExpression::parse);
}

TEST(CalendarTest, FindsNothingWhenThereIsNothingBeforeTheYear2200) {
  for (const char* text : {"*-02-30", "*-4,6,9,11-31", "1999-1-1", "2026-02-29", "Mon 2026-11-24"})
    EXPECT_EQ(expression(text).next_after(local("2026-01-01 00:00:00")), std::nullopt) << text;
  const auto daily = expression("daily");
  EXPECT_EQ(shown(daily.next_after(local("2199-12-30 12:00:00"))), "2199-12-31 00:00:00");
  EXPECT_EQ(daily.next_after(local("2199-12-31 00:00:00")), std::nullopt);
  EXPECT_EQ(daily.next_after(local("2199-12-31 23:59:59")), std::nullopt);
  EXPECT_EQ(daily.next_after(local_seconds::max()), std::nullopt);
  EXPECT_EQ(shown(expression("*:*:*").next_after(local("2199-12-31 23:59:58"))), "2199-12-31 23:59:59");
  EXPECT_EQ(expression("*:*:*").next_after(local("2199-12-31 23:59:59")), std::nullopt);
}

TEST(CalendarTest, BeginsInTheYear1970) {
  EXPECT_EQ(shown(expression("daily").next_after(local_seconds::min())), "1970-01-01 00:00:00");
  EXPECT_EQ(shown(expression("12:00").next_after(local("1969-06-01 00:00:00"))), "1970-01-01 12:00:00");
}

TEST(CalendarTest, AnswersWithoutStepping) {
  const auto rare = expression("Mon *-02-29 23:59:59");
  const auto never = expression("*-02-30 *:*:*");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(shown(rare.next_after(local("2100-01-01 00:00:00"))), "2112-02-29 23:59:59");
    EXPECT_EQ(never.next_after(local("2026-01-01 00:00:00")), std::nullopt);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);  // a millisecond or two; a second at a time: hours
}

TEST(CalendarTest, SaysWhatIsWrongAndWhatWouldBeRight) {
  const struct {
    const char* text;
    const char* problem;
  } rows[] = {
      {"", "is empty; write when, as 'daily', '02:30', 'Mon..Fri 02:30' or '*-*-01 03:00'"},
      {"  ", "is empty; write when, as 'daily', '02:30', 'Mon..Fri 02:30' or '*-*-01 03:00'"},
      {"dayly",
       "'dayly' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun; or write minutely, "
       "hourly, daily, weekly, monthly, quarterly, semiannually, yearly or annually"},
      {"Mo 02:30", "'Mo' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun"},
      {"Sat..Tue 02:30", "'Sat..Tue' goes beyond Sunday; write Sat..Sun,Mon..Tue"},
      {"24:00", "'24' is no hour; write 0 to 23"},
      {"02:60", "'60' is no minute; write 0 to 59"},
      {"02:30:60", "'60' is no second; write 0 to 59"},
      {"02:30:00.5", "'00.5' is no second; write 0 to 59"},
      {"2h:00", "'2h' is no hour; write 0 to 23"},
      {"-1:00", "'-1' is no hour; write 0 to 23"},
      {"+1:00", "'+1' is no hour; write 0 to 23"},
      {":30", "'' is no hour; write 0 to 23"},
      {"02:", "'' is no minute; write 0 to 59"},
      {"1,,2:00", "'' is no hour; write 0 to 23"},
      {"1:2:3:4", "'1:2:3:4' is no time; write hour:minute or hour:minute:second"},
      {"22..3:00", "'22..3' goes backwards; begin with the lower one, or write two ranges, as 22..23,0..3"},
      {"1-3:00", "'1-3' is no hour; write 0 to 23"},
      {"0/x:00", "'x' in '0/x' is no step; write 1 or more"},
      {"0/0:00", "'0' in '0/0' is no step; write 1 or more"},
      {"*:0/60", "the step in '0/60' leads beyond 59, so that only 0 is left; write 0 or a smaller step"},
      {"0..20/21:0",
       "the step in '0..20/21' leads beyond 20, so that only 0 is left; write 0 or a smaller step"},
      {"*-*-5..5/1",
       "the step in '5..5/1' leads beyond 5, so that only 5 is left; write 5 or a smaller step"},
      {"*-*-0", "'0' is no day of the month; write 1 to 31"},
      {"*-*-32", "'32' is no day of the month; write 1 to 31"},
      {"*-*~0", "'0' is no day of the month; write 1 to 31"},
      {"*-13-1", "'13' is no month; write 1 to 12"},
      {"*-Jan-1", "'Jan' is no month; write 1 to 12"},
      {"26-1-1", "'26' is no year; write 1970 to 2199"},
      {"2200-1-1", "'2200' is no year; write 1970 to 2199"},
      {"20260-1-1", "'20260' is no year; write 1970 to 2199"},
      {"1-2-3-4", "'1-2-3-4' is no date; write year-month-day or month-day, with * for any"},
      {"~1", "'' is no month; write 1 to 12"},
      {"2026-11-23T02:30", "'2026-11-23T02' is no hour; write 0 to 23"},
      {"02:30 Mon",
       "cannot read 'Mon'; write weekdays, date and time in this order, or some of them, as 'Mon..Fri *-*-* 02:30'"},
      {"02:30 UTC",
       "cannot read 'UTC'; write weekdays, date and time in this order, or some of them, as 'Mon..Fri *-*-* 02:30'"},
      {"30 2 * * *",
       "cannot read '30'; write weekdays, date and time in this order, or some of them, as 'Mon..Fri *-*-* 02:30'"},
      {"*",
       "cannot read '*'; write weekdays, date and time in this order, or some of them, as 'Mon..Fri *-*-* 02:30'"},
  };
  for (const auto& row : rows) EXPECT_EQ(problem_of(row.text), row.problem);
}

TEST(CalendarTest, KeepsItsTextAndIsEqualToWhatIsWrittenTheSame) {
  EXPECT_EQ(expression("Mon..Fri  02:30").text(), "Mon..Fri  02:30");
  EXPECT_EQ(expression("weekly").text(), "weekly");
  EXPECT_EQ(expression("02:30"), expression("02:30"));
  EXPECT_NE(expression("02:30"), expression("02:31"));
}

// ------------------------------------------------------------------------------------------------- cron

TEST(CronTest, FindsTheNextTimes) {
  expect_next_times(
      {
          {"30 2 * * *", "2026-11-23 02:30:00", {"2026-11-24 02:30:00"}},
          {"*/15 * * * *", "2026-11-23 23:40:00", {"2026-11-23 23:45:00", "2026-11-24 00:00:00"}},
          {"5-59/20 1,13 * * *", "2026-11-23 01:45:00", {"2026-11-23 13:05:00", "2026-11-23 13:25:00"}},
          {"0 8-10 * * *", "2026-11-23 09:30:00", {"2026-11-23 10:00:00", "2026-11-24 08:00:00"}},
          {"0 0 29 2 *", "2026-11-23 00:00:00", {"2028-02-29 00:00:00"}},
          {"0 0 30 feb *", "2026-11-23 00:00:00", {"never"}},
          {"0 0 1 Jan,jul *", "2026-11-23 00:00:00", {"2027-01-01 00:00:00", "2027-07-01 00:00:00"}},
          {"0 0 1 MAR-may *", "2027-03-01 00:00:00", {"2027-04-01 00:00:00", "2027-05-01 00:00:00"}},
      },
      CalendarExpression::parse_cron);
}

TEST(CronTest, CountsWeekdaysFromSundayWhichIs0And7) {
  expect_next_times(
      {
          {"0 4 * * 0", "2026-11-23 00:00:00", {"2026-11-29 04:00:00", "2026-12-06 04:00:00"}},
          {"0 4 * * 7", "2026-11-23 00:00:00", {"2026-11-29 04:00:00", "2026-12-06 04:00:00"}},
          {"0 4 * * Sun", "2026-11-23 00:00:00", {"2026-11-29 04:00:00", "2026-12-06 04:00:00"}},
          {"0 4 * * 1-5", "2026-11-26 12:00:00", {"2026-11-27 04:00:00", "2026-11-30 04:00:00"}},
          {"0 4 * * 5-7",
           "2026-11-27 04:00:00",
           {"2026-11-28 04:00:00", "2026-11-29 04:00:00", "2026-12-04 04:00:00"}},
          {"0 4 * * Fri-Sun", "2026-11-28 04:00:00", {"2026-11-29 04:00:00", "2026-12-04 04:00:00"}},
          {"0 4 * * sun-mon", "2026-11-24 04:00:00", {"2026-11-29 04:00:00", "2026-11-30 04:00:00"}},
          {"0 4 * * */3",
           "2026-11-23 04:00:00",
           {"2026-11-25 04:00:00", "2026-11-28 04:00:00", "2026-11-29 04:00:00"}},
      },
      CalendarExpression::parse_cron);
}

TEST(CronTest, TakesEitherDayWhenBothAreRestricted) {
  expect_next_times(
      {
          {"0 0 1,15 * 5",
           "2026-11-23 00:00:00",
           {"2026-11-27 00:00:00", "2026-12-01 00:00:00", "2026-12-04 00:00:00"}},
          {"0 0 31 2 mon", "2026-11-23 00:00:00", {"2027-02-01 00:00:00", "2027-02-08 00:00:00"}},
          {"0 0 1-31 * mon", "2026-11-23 00:00:00", {"2026-11-24 00:00:00"}},
      },
      CalendarExpression::parse_cron);
}

TEST(CronTest, NeedsBothDaysWhenOneBeginsWithAStar) {
  expect_next_times(
      {
          {"0 0 * * 5", "2026-11-23 00:00:00", {"2026-11-27 00:00:00", "2026-12-04 00:00:00"}},
          {"0 0 13 * *", "2026-11-23 00:00:00", {"2026-12-13 00:00:00", "2027-01-13 00:00:00"}},
          {"0 0 */2 * mon", "2026-11-23 00:00:00", {"2026-12-07 00:00:00", "2026-12-21 00:00:00"}},
          {"0 0 13 * */5", "2026-11-23 00:00:00", {"2026-12-13 00:00:00", "2027-06-13 00:00:00"}},
      },
      CalendarExpression::parse_cron);
}

TEST(CronTest, ReadsItsWordsForWhatIsUsual) {
  expect_next_times(
      {
          {"@hourly", "2026-11-25 09:59:00", {"2026-11-25 10:00:00", "2026-11-25 11:00:00"}},
          {"@daily", "2026-11-25 09:59:00", {"2026-11-26 00:00:00", "2026-11-27 00:00:00"}},
          {"@midnight", "2026-11-25 09:59:00", {"2026-11-26 00:00:00", "2026-11-27 00:00:00"}},
          {"@weekly", "2026-11-25 09:59:00", {"2026-11-29 00:00:00", "2026-12-06 00:00:00"}},
          {"@monthly", "2026-11-25 09:59:00", {"2026-12-01 00:00:00", "2027-01-01 00:00:00"}},
          {"@yearly", "2026-11-25 09:59:00", {"2027-01-01 00:00:00", "2028-01-01 00:00:00"}},
          {"@Annually", "2026-11-25 09:59:00", {"2027-01-01 00:00:00", "2028-01-01 00:00:00"}},
      },
      CalendarExpression::parse_cron);
}

TEST(CronTest, SaysWhatIsWrongAndWhatWouldBeRight) {
  const struct {
    const char* text;
    const char* problem;
  } rows[] = {
      {"", "has 0 fields; write five, minute, hour, day of the month, month and weekday, as '30 2 * * 1-5'"},
      {"daily",
       "has 1 field; write five, minute, hour, day of the month, month and weekday, as '30 2 * * 1-5'"},
      {"30 2 * * * root",
       "has 6 fields; write five, minute, hour, day of the month, month and weekday, as '30 2 * * 1-5'"},
      {"@reboot",
       "there is no @reboot; write @hourly, @daily, @midnight, @weekly, @monthly, @yearly or @annually"},
      {"60 2 * * *", "'60' is no minute; write 0 to 59"},
      {"0 24 * * *", "'24' is no hour; write 0 to 23"},
      {"0 2 0 * *", "'0' is no day of the month; write 1 to 31"},
      {"0 2 ? * *", "'?' is no day of the month; write 1 to 31"},
      {"0 2 L * *", "'L' is no day of the month; write 1 to 31"},
      {"0 2 * 13 *", "'13' is no month; write 1 to 12 or Jan to Dec"},
      {"0 2 * * 8", "'8' is no weekday; write 0 to 7 or Sun to Sat"},
      {"0 2 * * Monday", "'Monday' is no weekday; write 0 to 7 or Sun to Sat"},
      {"0 2 * * 5-1", "'5-1' goes backwards; begin with the lower one, or write two ranges, as 5-7,0-1"},
      {"0 22-3 * * *", "'22-3' goes backwards; begin with the lower one, or write two ranges, as 22-23,0-3"},
      {"0 1..3 * * *", "'1..3' is no hour; write 0 to 23"},
      {"5/15 * * * *", "'5/15' has a step but no range; write 5-59/15"},
      {"*/60 * * * *",
       "the step in '*/60' leads beyond 59, so that only 0 is left; write 0 or a smaller step"},
      {"*/0 * * * *", "'0' in '*/0' is no step; write 1 or more"},
  };
  for (const auto& row : rows) EXPECT_EQ(problem_of(row.text, CalendarExpression::parse_cron), row.problem);
}

}  // namespace
}  // namespace pgkeep::server
