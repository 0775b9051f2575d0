#include "server/schedule/weekdays.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

/// The days as seven places from Monday on: "X....XX".
std::string days_of(const char* text) {
  std::string problem;
  const auto days = Weekdays::parse(text, problem);
  if (!days) return problem;
  std::string places;
  for (unsigned day = 1; day <= 7; ++day) places += days->contains(std::chrono::weekday(day)) ? 'X' : '.';
  return places;
}

TEST(WeekdaysTest, AreReadFromShortAndFullNamesListsAndRanges) {
  const struct {
    const char* text;
    const char* days;
  } rows[] = {
      {"Mon", "X......"},         {"sunday", "......X"},   {"WED", "..X...."},
      {"Mon,Wed,Fri", "X.X.X.."}, {"Mon..Fri", "XXXXX.."}, {"Mon-Fri", "XXXXX.."},
      {"Sat..Sun", ".....XX"},    {"Tue..Tue", ".X....."}, {"Sun,monday..Wednesday", "XXX...X"},
      {"Mon..Sun", "XXXXXXX"},    {"Thu,Thu", "...X..."},
  };
  for (const auto& row : rows) EXPECT_EQ(days_of(row.text), row.days) << row.text;
}

TEST(WeekdaysTest, SayWhatIsWrongAndWhatWouldBeRight) {
  EXPECT_EQ(days_of("Thurs"), "'Thurs' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun");
  EXPECT_EQ(days_of("Mon,,Tue"), "'' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun");
  EXPECT_EQ(days_of("Mon.."), "'' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun");
  EXPECT_EQ(days_of("1"), "'1' is no weekday; the weekdays are Mon, Tue, Wed, Thu, Fri, Sat and Sun");
  EXPECT_EQ(days_of("Fri-tue"), "'Fri-tue' goes beyond Sunday; write Fri..Sun,Mon..Tue");
}

}  // namespace
}  // namespace pgkeep::server
