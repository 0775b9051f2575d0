#include "server/health/report_record.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/temp_directory.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;

/// Midnight, in UTC.
constexpr io::TimePoint kDay{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30}};

FleetSchedule each_morning() {
  std::string problem;
  return {.report = JobTiming::parse("06:30", problem).value(), .zone = TimeZone::utc()};
}

TEST(NextReportTest, IsAtTheFirstTimeAfterItWasSent) {
  EXPECT_EQ(next_report(each_morning(), {.since = kDay + 1h, .sent = {}, .tried = {}, .error = {}}),
            kDay + 6h + 30min);
  EXPECT_EQ(
      next_report(each_morning(), {.since = kDay - 48h, .sent = kDay + 6h + 31min, .tried = {}, .error = {}}),
      kDay + 30h + 30min);
}

TEST(NextReportTest, IsOneHoweverManyWereMissed) {
  const auto next = next_report(each_morning(), {.since = {}, .sent = kDay - 240h, .tried = {}, .error = {}});
  EXPECT_LT(next, kDay) << "it is due at once";
}

TEST(NextReportTest, IsTriedAgainAfterPausesThatGrowToAnHour) {
  const auto after = [](unsigned failures) {
    return *next_report(
               each_morning(),
               {.since = kDay, .sent = {}, .tried = kDay + 7h, .failures = failures, .error = "no"}) -
           (kDay + 7h);
  };
  EXPECT_EQ(after(1), 1min);
  EXPECT_EQ(after(2), 2min);
  EXPECT_EQ(after(6), 32min);
  EXPECT_EQ(after(7), 1h);
  EXPECT_EQ(after(4'000'000'000), 1h);
}

TEST(NextReportTest, IsNeverWithoutASchedule) {
  EXPECT_EQ(next_report({}, {.since = kDay, .sent = {}, .tried = {}, .error = {}}), std::nullopt);
}

TEST(ReportRecordTest, IsReadAsItWasWrittenAndNotWhenItIsDamaged) {
  const test::TempDirectory folder;
  const auto repository = store::Repository::open_or_create(folder / "repository");
  EXPECT_EQ(read_report_record(repository), std::nullopt);
  const ReportRecord record{
      .since = kDay, .sent = kDay + 1h, .tried = kDay + 2h, .failures = 3, .error = "a \"no\""};
  write_report_record(repository, record);
  EXPECT_EQ(read_report_record(repository), record);
  std::ofstream(repository.root() / ".report.json") << "{}";
  EXPECT_THROW(read_report_record(repository), Corruption);
}

}  // namespace
}  // namespace pgkeep::server
