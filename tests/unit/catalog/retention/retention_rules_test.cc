#include "catalog/retention/retention_rules.h"

#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/catalog/retention/retention_fixture.h"

namespace pgkeep::catalog {
namespace {

using postgres::TimelineId;
using test::at;
using test::Held;
using test::hour;
using test::left;
using test::on;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr TimelineId kOne{1};
constexpr TimelineId kTwo{2};

// ------------------------------------------------------------------------------- which days are kept

/// Backups by their days, at 02:00, as "MM-DD" or "YYYY-MM-DD", or "MM-DD/HH"; without a year 2026.
io::TimePoint parse_time(const std::string& text) {
  int year = 2026;
  int month = 0;
  int day = 0;
  int hour_of_day = 2;
  std::string date = text.substr(0, text.find('/'));
  if (date.size() == 10) {
    year = std::stoi(date.substr(0, 4));
    date = date.substr(5);
  }
  month = std::stoi(date.substr(0, 2));
  day = std::stoi(date.substr(3, 2));
  if (const auto slash = text.find('/'); slash != text.npos) hour_of_day = std::stoi(text.substr(slash + 1));
  return on(month, day, hour_of_day, year);
}

/// Days in a row as "01-01..01-31".
std::vector<io::TimePoint> parse_times(const std::string& text) {
  std::vector<io::TimePoint> times;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto dots = word.find("..");
    if (dots == word.npos) {
      times.push_back(parse_time(word));
      continue;
    }
    for (auto time = parse_time(word.substr(0, dots)); time <= parse_time(word.substr(dots + 2)); time += 24h)
      times.push_back(time);
  }
  return times;
}

/// In 2026: summer time from 29 March to 25 October.
std::chrono::local_seconds in_berlin(io::TimePoint time) {
  const bool is_summer = time >= on(3, 29, 1) && time < on(10, 25, 1);
  return in_utc(time + (is_summer ? 2h : 1h));
}
std::chrono::local_seconds in_kiritimati(io::TimePoint time) {
  return in_utc(time + 14h);
}
std::chrono::local_seconds in_honolulu(io::TimePoint time) {
  return in_utc(time - 10h);
}

struct Days {
  const char* name;
  RetentionPolicy policy;
  const char* backups;
  const char* now;
  const char* kept;
  LocalTime clock = in_utc;
};
void PrintTo(const Days& days, std::ostream* out) {
  *out << days.name;
}

class KeptDaysTest : public testing::TestWithParam<Days> {};

TEST_P(KeptDaysTest, AreAsThePolicySays) {
  const auto& days = GetParam();
  // All WAL is there, on one timeline; the hour is the segment.
  std::vector<RuledBackup> backups;
  Held held;
  for (const auto time : parse_times(days.backups)) {
    const auto number = std::chrono::duration_cast<std::chrono::hours>(time - on(1, 1, 0, 2020)).count();
    backups.push_back({.id = store::BackupId(time),
                       .line = 0,
                       .start = {kOne, at(static_cast<double>(number))},
                       .end = {kOne, at(static_cast<double>(number) + 0.25)},
                       .ended = time});
  }
  const std::vector<LineOfWal> lines(1);
  std::set<std::string> kept;
  for (const auto& [id, why] : apply_rules(backups, lines, days.policy, parse_time(days.now), days.clock))
    kept.insert(id.to_string());
  std::set<std::string> expected;
  for (const auto time : parse_times(days.kept)) expected.insert(store::BackupId(time).to_string());
  EXPECT_EQ(kept, expected);
}

constexpr auto kJanuary = "01-01..01-31";

INSTANTIATE_TEST_SUITE_P(
    Policies, KeptDaysTest,
    testing::Values(
        Days{"nothing", {.minimum_redundancy = 0}, kJanuary, "01-31/12", ""},
        Days{"the minimum is kept without any rule", {}, kJanuary, "01-31/12", "01-31"},
        Days{"the minimum", {.redundancy = 1, .minimum_redundancy = 3}, kJanuary, "01-31/12", "01-29..01-31"},
        Days{"the minimum does not add to what is kept anyway",
             {.redundancy = 3, .minimum_redundancy = 3},
             kJanuary,
             "01-31/12",
             "01-29..01-31"},
        Days{"the minimum counts what older rules keep",
             {.redundancy = 1, .yearly = 2, .minimum_redundancy = 2},
             "2025-12-31 01-01..01-05",
             "01-05/12",
             "2025-12-31 01-05"},
        Days{"redundancy", {.redundancy = 3}, kJanuary, "01-31/12", "01-29..01-31"},
        Days{"redundancy of fewer", {.redundancy = 3}, "01-01 01-05", "01-31/12", "01-01 01-05"},
        Days{"redundancy of none", {.redundancy = 3}, "", "01-31/12", ""},
        Days{"redundancy knows no time", {.redundancy = 2}, "01-01 01-05", "2029-01-01", "01-01 01-05"},
        // The example of the manual.
        Days{"the manual: redundancy", {.redundancy = 3}, "10-01..11-25", "11-25/12", "11-23..11-25"},
        Days{"the manual: window", {.recovery_window = 48h}, "10-01..11-25", "11-25/12", "11-23..11-25"},
        Days{"the manual: days", {.daily = 2}, "10-01..11-25", "11-25/12", "11-24..11-25"},
        Days{"the manual: weeks", {.weekly = 2}, "10-01..11-25", "11-25/12", "11-22 11-25"},
        Days{"the manual: months", {.monthly = 2}, "10-01..11-25", "11-25/12", "10-31 11-25"},
        Days{"a window, and the one before it",
             {.recovery_window = 7 * 24h},
             kJanuary,
             "01-31/12",
             "01-24..01-31"},
        Days{"a window whose first moment is a backup's end",
             {.recovery_window = 7 * 24h},
             kJanuary,
             "01-31/02",
             "01-24..01-31"},
        Days{"a window without a backup in it",
             {.recovery_window = 7 * 24h},
             "01-01..01-10",
             "01-31",
             "01-10"},
        Days{"a window longer than there are backups",
             {.recovery_window = 60 * 24h},
             kJanuary,
             "01-31/12",
             kJanuary},
        Days{
            "daily", {.daily = 3}, "01-28 01-29/02 01-29/14 01-30 01-31", "01-31/12", "01-29/14 01-30 01-31"},
        Days{"daily, days without a backup do not count",
             {.daily = 3},
             "01-01 01-10 01-20 01-31",
             "01-31/12",
             "01-10 01-20 01-31"},
        Days{"weekly: the last of each week, which begins on Monday",
             {.weekly = 2},
             kJanuary,
             "01-31/12",
             "01-25 01-31"},
        Days{"weekly on a Sunday", {.weekly = 2}, "01-01..01-25", "01-25/12", "01-18 01-25"},
        Days{"weekly on a Monday", {.weekly = 2}, "01-01..01-26", "01-26/12", "01-25 01-26"},
        Days{"weekly across a year",
             {.weekly = 2},
             "2025-12-27..2025-12-31 01-01..01-05",
             "01-05/12",
             "01-04 01-05"},
        Days{"weekly: one week has two years",
             {.weekly = 1},
             "2025-12-29..2025-12-31 01-01..01-03",
             "01-03/12",
             "01-03"},
        Days{"monthly",
             {.monthly = 3},
             "01-01..01-31 02-01..02-28 03-01..03-10",
             "03-10/12",
             "01-31 02-28 03-10"},
        Days{"monthly of a month that has one",
             {.monthly = 2},
             "01-17 02-28 03-01",
             "03-10/12",
             "02-28 03-01"},
        Days{"monthly in a leap year",
             {.monthly = 2},
             "2028-02-28 2028-02-29 2028-03-01",
             "2028-03-01/12",
             "2028-02-29 2028-03-01"},
        Days{"yearly",
             {.yearly = 2},
             "2024-06-01 2024-12-31 2025-05-05 01-01 01-02",
             "01-02/12",
             "2025-05-05 01-02"},
        Days{"yearly with missed years",
             {.yearly = 3},
             "2020-03-03 2023-06-01 01-02",
             "01-02/12",
             "2020-03-03 2023-06-01 01-02"},
        Days{"any rule is enough",
             {.redundancy = 1, .daily = 2, .weekly = 2, .monthly = 2},
             "2025-12-20..2025-12-31 01-01..01-31",
             "01-31/12",
             "2025-12-31 01-25 01-30 01-31"},
        Days{"two in one hour: the later", {.daily = 1}, "01-05/02 01-05/02", "01-05/12", "01-05/02"}));

// The hours of backups are those of UTC.
INSTANTIATE_TEST_SUITE_P(
    Zones, KeptDaysTest,
    testing::Values(Days{"a day ends at midnight of the zone",
                         {.daily = 2},
                         "01-10/22 01-10/23",
                         "01-11/12",
                         "01-10/22 01-10/23",
                         in_berlin},
                    Days{"and not at that of UTC", {.daily = 2}, "01-10/22 01-10/23", "01-11/12", "01-10/23"},
                    Days{"what is two days in UTC may be one",
                         {.daily = 2},
                         "01-09/12 01-10/23 01-11/22",
                         "01-11/23",
                         "01-09/12 01-11/22",
                         in_berlin},
                    Days{"one hour more in summer",
                         {.daily = 2},
                         "07-10/21 07-10/22",
                         "07-11/12",
                         "07-10/21 07-10/22",
                         in_berlin},
                    Days{"the day on which clocks are set forward has 23 hours",
                         {.daily = 2},
                         "03-28/23 03-29/21 03-29/22",
                         "03-30/12",
                         "03-29/21 03-29/22",
                         in_berlin},
                    Days{"the day on which clocks are set back has 25 hours",
                         {.daily = 2},
                         "10-24/22 10-25/22 10-25/23",
                         "10-26/12",
                         "10-25/22 10-25/23",
                         in_berlin},
                    Days{"a week ends at midnight of the zone",
                         {.weekly = 2},
                         "01-25/22 01-25/23",
                         "01-26/12",
                         "01-25/22 01-25/23",
                         in_berlin},
                    Days{"a month ends at midnight of the zone",
                         {.monthly = 2},
                         "01-31/22 01-31/23",
                         "02-01/12",
                         "01-31/22 01-31/23",
                         in_berlin},
                    Days{"a year ends at midnight of the zone",
                         {.yearly = 2},
                         "2025-12-31/22 2025-12-31/23",
                         "01-01/12",
                         "2025-12-31/22 2025-12-31/23",
                         in_berlin},
                    Days{"far to the east a day begins early",
                         {.daily = 2},
                         "01-10/09 01-10/10",
                         "01-11/12",
                         "01-10/09 01-10/10",
                         in_kiritimati},
                    Days{"far to the west a day ends late",
                         {.daily = 2},
                         "01-11/09 01-11/10",
                         "01-11/12",
                         "01-11/09 01-11/10",
                         in_honolulu},
                    Days{"a window is of hours, and knows no zone",
                         {.recovery_window = 24h},
                         "03-28/00 03-28/12 03-29/00 03-29/12",
                         "03-29/12",
                         "03-28/12 03-29/00 03-29/12",
                         in_berlin},
                    Days{"weeks across the change of the clocks",
                         {.weekly = 3},
                         "03-01/01..03-30/01",
                         "03-30/12",
                         "03-22/01 03-29/01 03-30/01",
                         in_berlin}));

// --------------------------------------------------------------------------------- lines and branches

RuledBackup backup_at(double n, TimelineId timeline = kOne, std::size_t line = 0) {
  return {.id = store::BackupId(hour(n)),
          .line = line,
          .start = {timeline, at(n)},
          .end = {timeline, at(n + 0.25)},
          .ended = hour(n + 0.25)};
}

std::vector<std::string> kept(const std::vector<RuledBackup>& backups, const std::vector<LineOfWal>& lines,
                              const RetentionPolicy& policy, double now) {
  std::vector<std::string> kept;
  for (const auto& [id, why] : apply_rules(backups, lines, policy, hour(now))) kept.push_back(id.to_string());
  return kept;
}
std::string id(double n) {
  return store::BackupId(hour(n)).to_string();
}

constexpr RetentionPolicy kTenHours{.recovery_window = 10h};

TEST(RecoveryWindowRuleTest, KeepsTheWayToABranchThatWasLeftInsideTheWindow) {
  // Promoted at hour 20 to a server that had fallen back to hour 15.
  const auto held = Held().segments(kOne, 1, 20).history(kTwo, left(kOne, 15.5)).segments(kTwo, 15, 24);
  const std::vector backups{backup_at(2), backup_at(12), backup_at(18), backup_at(22, kTwo)};
  const std::vector lines{test::line_of(held)};
  EXPECT_THAT(kept(backups, lines, kTenHours, 25), ElementsAre(id(12), id(18), id(22)));
  EXPECT_THAT(kept(backups, lines, kTenHours, 30), ElementsAre(id(12), id(18), id(22)))
      << "18 leads to hour 20, 12 to timeline 2 before hour 22";
  EXPECT_THAT(kept(backups, lines, kTenHours, 31.5), ElementsAre(id(12), id(22)));
  EXPECT_THAT(kept(backups, lines, kTenHours, 33), ElementsAre(id(22)));
}

TEST(RecoveryWindowRuleTest, TakesABranchOfWhichTheTimesAreNotKnownForOneThatReachesIntoTheWindow) {
  const auto held = Held().segments(kOne, 1, 20).history(kTwo, left(kOne, 15.5)).segments(kTwo, 15, 60);
  const std::vector backups{backup_at(18), backup_at(22, kTwo), backup_at(40, kTwo)};
  std::vector lines{test::line_of(held)};
  EXPECT_THAT(kept(backups, lines, kTenHours, 60), ElementsAre(id(40)));
  lines[0].commits[kOne].known = false;
  EXPECT_THAT(kept(backups, lines, kTenHours, 60), ElementsAre(id(18), id(40)));
  lines[0].commits.erase(kOne);
  EXPECT_THAT(kept(backups, lines, kTenHours, 60), ElementsAre(id(18), id(40)));
}

TEST(RecoveryWindowRuleTest, TakesALeftPartialOfWhichTheTimesAreKnownForWhatItIs) {
  const auto held =
      Held().segments(kOne, 1, 20).partial(kOne, 21.5).history(kTwo, left(kOne, 15.5)).segments(kTwo, 15, 60);
  const std::vector backups{backup_at(18), backup_at(40, kTwo)};
  std::vector lines{test::line_of(held)};
  EXPECT_THAT(kept(backups, lines, kTenHours, 60), ElementsAre(id(18), id(40)));
  lines[0].partial_commits[{kOne, 21}] = {.known = true, .earliest = hour(21), .latest = hour(21)};
  EXPECT_THAT(kept(backups, lines, kTenHours, 60), ElementsAre(id(40)));
  lines[0].partial_commits[{kOne, 21}].latest = hour(51);
  EXPECT_THAT(kept(backups, lines, kTenHours, 60), ElementsAre(id(18), id(40)));
  lines[0].partial_commits[{kOne, 21}] = {};
  EXPECT_THAT(kept(backups, lines, kTenHours, 60), ElementsAre(id(18), id(40)));
}

TEST(RecoveryWindowRuleTest, KeepsNoWayToALineThatWasSetAsideBeforeTheWindowThoughTimesAreNotKnown) {
  std::vector lines{test::line_of(Held().segments(kOne, 1, 20)),
                    test::line_of(Held().segments(kOne, 15, 40))};
  const std::vector backups{backup_at(12), backup_at(23, kOne, 1)};
  lines[0].commits.clear();
  EXPECT_THAT(kept(backups, lines, kTenHours, 40), ElementsAre(id(12), id(23)));
  lines[0].set_aside = hour(29);
  EXPECT_THAT(kept(backups, lines, kTenHours, 40), ElementsAre(id(23)));
}

/// As after a recovery in place, or a failover to a server that had fallen back.
TEST(RetentionRulesTest, TheNewestThatLeadsToTheServersTimelineStays) {
  const auto held = Held().segments(kOne, 1, 20).history(kTwo, left(kOne, 8.5)).segments(kTwo, 8, 24);
  const std::vector backups{backup_at(2), backup_at(5), backup_at(12), backup_at(16)};
  const std::vector lines{test::line_of(held)};
  EXPECT_THAT(kept(backups, lines, {.redundancy = 2}, 25), ElementsAre(id(5), id(12), id(16)));
}

TEST(RetentionRulesTest, TheNewestByItsWalStaysWhateverTheClocksSaid) {
  auto ahead = backup_at(2);
  ahead.ended = hour(5000);
  const std::vector backups{ahead, backup_at(12)};
  const std::vector lines{test::line_of(Held().segments(kOne, 1, 20))};
  EXPECT_THAT(kept(backups, lines, {.daily = 1}, 25), ElementsAre(id(2), id(12)));
}

TEST(RecoveryWindowRuleTest, KeepsTheWayToALineThatWasSetAsideInsideTheWindow) {
  const std::vector lines{test::line_of(Held().segments(kOne, 1, 20)),
                          test::line_of(Held().segments(kOne, 15, 24))};
  const std::vector backups{backup_at(2), backup_at(12), backup_at(16, kOne, 1), backup_at(23, kOne, 1)};
  EXPECT_THAT(kept(backups, lines, kTenHours, 25), ElementsAre(id(12), id(16), id(23)));
  EXPECT_THAT(kept(backups, lines, kTenHours, 30.5), ElementsAre(id(12), id(16), id(23)));
  EXPECT_THAT(kept(backups, lines, kTenHours, 31.5), ElementsAre(id(16), id(23)));
  EXPECT_THAT(kept(backups, lines, kTenHours, 40), ElementsAre(id(23)));
}

TEST(RetentionRulesTest, SayWhichOfThemKeepABackup) {
  const std::vector lines{test::line_of(Held().segments(kOne, 1, 50))};
  const std::vector backups{backup_at(2), backup_at(26), backup_at(49)};
  const auto reasons =
      apply_rules(backups, lines, {.redundancy = 2, .recovery_window = 10h, .daily = 3}, hour(50));
  EXPECT_THAT(reasons.at(backups[0].id), ElementsAre("daily: 2026-01-01"));
  EXPECT_THAT(
      reasons.at(backups[1].id),
      ElementsAre("redundancy: 2 of 2", HasSubstr("the last before 2026-01-02"), "daily: 2026-01-02"));
  EXPECT_THAT(reasons.at(backups[2].id),
              ElementsAre("redundancy: 1 of 2", "recovery_window", "daily: 2026-01-03"));
}

}  // namespace
}  // namespace pgkeep::catalog
