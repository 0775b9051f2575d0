#include "server/schedule/time_zone.h"

#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_seconds;

io::TimePoint utc(const char* text) {
  return io::parse_rfc3339(std::string(text) + "Z").value();
}

local_seconds local(const char* text) {
  return local_seconds{std::chrono::floor<std::chrono::seconds>(utc(text).time_since_epoch())};
}

std::string shown(io::TimePoint time) {
  return io::format_rfc3339(time);
}

TimeZone zone(const char* name) {
  return TimeZone::find(name).value();
}

TEST(TimeZoneTest, TurnsALocalTimeIntoTheMomentItIs) {
  const struct {
    const char* zone;
    const char* local;
    const char* utc;
  } rows[] = {
      {"Europe/Berlin", "2026-01-15 02:30:00", "2026-01-15T01:30:00Z"},
      {"Europe/Berlin", "2026-07-15 02:30:00", "2026-07-15T00:30:00Z"},
      {"Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59Z"},
      {"Europe/Berlin", "2026-03-29 03:00:00", "2026-03-29T01:00:00Z"},
      {"Europe/Berlin", "2026-10-25 01:59:59", "2026-10-24T23:59:59Z"},
      {"Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25T02:00:00Z"},
      {"America/New_York", "2026-03-08 01:59:59", "2026-03-08T06:59:59Z"},
      {"America/New_York", "2026-03-08 03:00:00", "2026-03-08T07:00:00Z"},
      {"America/New_York", "2026-11-01 02:00:00", "2026-11-01T07:00:00Z"},
      {"Asia/Tokyo", "2026-03-29 02:30:00", "2026-03-28T17:30:00Z"},
      {"Australia/Lord_Howe", "2026-07-01 12:00:00", "2026-07-01T01:30:00Z"},
      {"Australia/Lord_Howe", "2026-12-01 12:00:00", "2026-12-01T01:00:00Z"},
      {"Asia/Kathmandu", "2026-07-01 12:00:00", "2026-07-01T06:15:00Z"},
      {"UTC", "2026-03-29 02:30:00", "2026-03-29T02:30:00Z"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(shown(zone(row.zone).to_time(local(row.local))), row.utc) << row.zone << " " << row.local;
    EXPECT_EQ(zone(row.zone).to_local(io::parse_rfc3339(row.utc).value()), local(row.local)) << row.zone;
  }
}

TEST(TimeZoneTest, TakesTheFirstMomentAfterTheGapForATimeThatIsSkipped) {
  const struct {
    const char* zone;
    const char* local;
    const char* utc;
  } rows[] = {
      {"Europe/Berlin", "2026-03-29 02:00:00", "2026-03-29T01:00:00Z"},
      {"Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:00:00Z"},
      {"Europe/Berlin", "2026-03-29 02:59:59", "2026-03-29T01:00:00Z"},
      {"America/New_York", "2026-03-08 02:30:00", "2026-03-08T07:00:00Z"},
      {"Australia/Lord_Howe", "2026-10-04 02:10:00", "2026-10-03T15:30:00Z"},
      {"Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30T10:00:00Z"},  // the whole day was left out
  };
  for (const auto& row : rows)
    EXPECT_EQ(shown(zone(row.zone).to_time(local(row.local))), row.utc) << row.zone << " " << row.local;
  EXPECT_EQ(zone("Europe/Berlin").to_local(utc("2026-03-29T01:00:00")), local("2026-03-29 03:00:00"));
}

TEST(TimeZoneTest, TakesTheFirstOfTwoForATimeThatComesTwice) {
  const struct {
    const char* zone;
    const char* local;
    const char* utc;
  } rows[] = {
      {"Europe/Berlin", "2026-10-25 02:00:00", "2026-10-25T00:00:00Z"},
      {"Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"},
      {"Europe/Berlin", "2026-10-25 02:59:59", "2026-10-25T00:59:59Z"},
      {"America/New_York", "2026-11-01 01:30:00", "2026-11-01T05:30:00Z"},
      {"Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04T14:45:00Z"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(shown(zone(row.zone).to_time(local(row.local))), row.utc) << row.zone << " " << row.local;
}

TEST(TimeZoneTest, ShowsBothMomentsOfATimeThatComesTwice) {
  const auto berlin = zone("Europe/Berlin");
  EXPECT_EQ(berlin.to_local(utc("2026-10-25T00:30:00")), local("2026-10-25 02:30:00"));
  EXPECT_EQ(berlin.to_local(utc("2026-10-25T01:30:00")), local("2026-10-25 02:30:00"));
  const auto lord_howe = zone("Australia/Lord_Howe");
  EXPECT_EQ(lord_howe.to_local(utc("2026-04-04T14:45:00")), local("2026-04-05 01:45:00"));
  EXPECT_EQ(lord_howe.to_local(utc("2026-04-04T15:15:00")), local("2026-04-05 01:45:00"));
}

TEST(TimeZoneTest, ShowsTheSecondThatHasBegun) {
  EXPECT_EQ(TimeZone::utc().to_local(utc("2026-01-01T00:00:00.999999")), local("2026-01-01 00:00:00"));
  EXPECT_EQ(TimeZone::utc().to_local(utc("1969-12-31T23:59:59.5")), local("1969-12-31 23:59:59"));
}

TEST(TimeZoneTest, KnowsWhatIsInTheDatabaseAndNothingElse) {
  for (const char* name : {"Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "UTC", "Etc/UTC"})
    EXPECT_EQ(zone(name).name(), name);
  for (const char* name : {"", " ", "Europe", "Europe/", "Europe/berlin", "europe/berlin", "Berlin",
                           "Europe/Berlin ", "Europe//Berlin", "Mars/Olympus", "../etc/passwd",
                           "../../../etc/passwd", "/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin",
                           "Europe/../Europe/Berlin", "./Europe/Berlin", "zone.tab", "tzdata.zi", "+02:00"})
    EXPECT_EQ(TimeZone::find(name), std::nullopt) << name;
  EXPECT_EQ(TimeZone::find(std::string_view("UTC\0", 4)), std::nullopt);
}

TEST(TimeZoneTest, IsEqualByName) {
  EXPECT_EQ(zone("Europe/Berlin"), zone("Europe/Berlin"));
  EXPECT_NE(zone("Europe/Berlin"), zone("Europe/Paris"));
  EXPECT_EQ(zone("UTC"), TimeZone::utc());
  EXPECT_EQ(TimeZone::utc().name(), "UTC");
}

}  // namespace
}  // namespace pgkeep::server
