#include "catalog/io/units.h"

#include <limits>

#include <gtest/gtest.h>

namespace pgkeep::io {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;

TimePoint at(int year, unsigned month, unsigned day, std::chrono::microseconds clock) {
  return sys_days{std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day}} + clock;
}

TEST(TimeTest, NowIsAfterThisWasWrittenAndRoundTrips) {
  const auto time = now();
  EXPECT_GT(time, at(2025, 1, 1, 0us));
  EXPECT_EQ(parse_rfc3339(format_rfc3339(time)), time);
}

TEST(TimeTest, FormatsRfc3339WithAFractionOnlyWhenThereIsOne) {
  EXPECT_EQ(format_rfc3339(at(2026, 11, 20, 2h)), "2026-11-20T02:00:00Z");
  EXPECT_EQ(format_rfc3339(at(2026, 1, 2, 3h + 4min + 5s + 123456us)), "2026-01-02T03:04:05.123456Z");
  EXPECT_EQ(format_rfc3339(at(2026, 1, 2, 1us)), "2026-01-02T00:00:00.000001Z");
  EXPECT_EQ(format_rfc3339(at(1969, 12, 31, 23h + 59min + 59s + 999999us)), "1969-12-31T23:59:59.999999Z");
}

TEST(TimeTest, FormatsWithoutFractionForPeople) {
  EXPECT_EQ(format_time(at(2026, 11, 20, 2h + 999999us)), "2026-11-20 02:00:00 UTC");
}

TEST(TimeTest, FormatsTheEdgeOfTimeAsTheEdgeOfFourDigitYears) {
  EXPECT_EQ(format_rfc3339(TimePoint::max()), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_rfc3339(TimePoint::min()), "0000-01-01T00:00:00Z");
  EXPECT_EQ(format_time(TimePoint::max()), "9999-12-31 23:59:59 UTC");
}

TEST(TimeTest, ParsesEverySpellingOfRfc3339) {
  const auto two = at(2026, 11, 20, 2h);
  EXPECT_EQ(parse_rfc3339("2026-11-20T02:00:00Z"), two);
  EXPECT_EQ(parse_rfc3339("2026-11-20 02:00:00Z"), two);
  EXPECT_EQ(parse_rfc3339("2026-11-20t02:00:00z"), two);
  EXPECT_EQ(parse_rfc3339("2026-11-20T04:30:00+02:30"), two);
  EXPECT_EQ(parse_rfc3339("2026-11-19T18:00:00-08:00"), two);
  EXPECT_EQ(parse_rfc3339("2026-11-20T02:00:00-00:00"), two);
  EXPECT_EQ(parse_rfc3339("2026-11-20T02:00:00.5Z"), two + 500ms);
  EXPECT_EQ(parse_rfc3339("2026-11-20T02:00:00.1234569Z"), two + 123456us);
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), at(2024, 2, 29, 0us));
}

TEST(TimeTest, RefusesWhatIsNotRfc3339) {
  for (const char* text : {"",
                           "2026-11-20",
                           "2026-11-20T02:00:00",
                           "2026-11-20T02:00Z",
                           "2026-11-20T24:00:00Z",
                           "2026-11-20T02:60:00Z",
                           "2026-11-20T02:00:60Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-11-31T00:00:00Z",
                           "2026-1-2T00:00:00Z",
                           "26-11-20T02:00:00Z",
                           "2026-11-20T02:00:00.Z",
                           "2026-11-20T02:00:00+02",
                           "2026-11-20T02:00:00+0200",
                           "2026-11-20T02:00:00+24:00",
                           "2026-11-20T02:00:00+02:60",
                           "2026-11-20T02:00:00Z ",
                           " 2026-11-20T02:00:00Z",
                           "2026-11-20_02:00:00Z",
                           "2026-11-20T02:00:00ZZ",
                           "yesterday",
                           "+026-11-20T02:00:00Z",
                           "2026-11-20T-2:00:00Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(PostgresTimeTest, CountsFromTheYear2000) {
  EXPECT_EQ(from_postgres_time(0), at(2000, 1, 1, 0us));
  EXPECT_EQ(from_postgres_time(-1), at(1999, 12, 31, 24h - 1us));
  EXPECT_EQ(to_postgres_time(at(2000, 1, 2, 0us)), 86'400'000'000);
  EXPECT_EQ(to_postgres_time(from_postgres_time(848'455'200'123'456)), 848'455'200'123'456);
}

TEST(PostgresTimeTest, EndsAtTheEdgeInsteadOfWrappingRound) {
  EXPECT_EQ(from_postgres_time(std::numeric_limits<std::int64_t>::max()), TimePoint::max());
  EXPECT_LT(from_postgres_time(std::numeric_limits<std::int64_t>::min()), at(0, 1, 1, 0us));
  EXPECT_EQ(to_postgres_time(TimePoint::min()), std::numeric_limits<std::int64_t>::min());
}

TEST(BytesTextTest, FormatsThreeDigitsAtMost) {
  const struct {
    std::uint64_t bytes;
    const char* text;
  } rows[] = {
      {0, "0 B"},
      {1, "1 B"},
      {999, "999 B"},
      {1000, "1 KiB"},
      {1024, "1 KiB"},
      {1536, "1.5 KiB"},
      {312ULL * 1024, "312 KiB"},
      {1023ULL * 1024, "1 MiB"},
      {101'990, "99.6 KiB"},
      {102'390, "100 KiB"},
      {16ULL << 20, "16 MiB"},
      {1'610'612'736, "1.5 GiB"},
      {5ULL << 40, "5 TiB"},
      {5ULL << 50, "5 PiB"},
      {std::numeric_limits<std::uint64_t>::max(), "16 EiB"},
  };
  for (const auto& row : rows) EXPECT_EQ(format_bytes(row.bytes), row.text) << row.bytes;
}

TEST(BytesTextTest, ParsesPlainBytesAndEveryUnit) {
  const struct {
    const char* text;
    std::uint64_t bytes;
  } rows[] = {
      {"0", 0},
      {"1234", 1234},
      {"17B", 17},
      {"512kB", 512 << 10},
      {"512KB", 512 << 10},
      {"512KiB", 512 << 10},
      {"64MB", 64 << 20},
      {"64MiB", 64 << 20},
      {"64 MiB", 64 << 20},
      {"20GB", 20ULL << 30},
      {"20 GiB", 20ULL << 30},
      {"3TB", 3ULL << 40},
      {"3TiB", 3ULL << 40},
      {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
      {"16777215TiB", 16777215ULL << 40},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_bytes(row.text), row.bytes) << row.text;
}

TEST(BytesTextTest, RefusesWhatIsNoSizeOrDoesNotFit) {
  for (const char* text :
       {"", " ", "MiB", "64M", "64mb", "64Mb", "64kib", "64 ", " 64", "64  MiB", "64MiB ", "-1", "+1",
        "1.5GiB", "1e3", "0x10", "18446744073709551616", "16777216TiB", "99999999999999999999999"}) {
    EXPECT_EQ(parse_bytes(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(DurationTest, FormatsTheTwoLargestParts) {
  const struct {
    std::chrono::milliseconds duration;
    const char* text;
  } rows[] = {
      {0ms, "0 s"},           {350ms, "350 ms"}, {4s, "4 s"},           {4900ms, "4 s"}, {200s, "3 min 20 s"},
      {3min, "3 min"},        {26h, "26 h"},     {90min, "1 h 30 min"}, {48h, "2 d"},    {170h, "7 d 2 h"},
      {-200s, "-3 min 20 s"},
  };
  for (const auto& row : rows) EXPECT_EQ(format_duration(row.duration), row.text);
  EXPECT_EQ(format_duration(std::chrono::milliseconds::min()),
            "-" + format_duration(std::chrono::milliseconds::max()));
}

TEST(DurationTest, ParsesEveryUnit) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("30s"), 30s);
  EXPECT_EQ(parse_duration("15min"), 15min);
  EXPECT_EQ(parse_duration("26h"), 26h);
  EXPECT_EQ(parse_duration("7d"), 168h);
  EXPECT_EQ(parse_duration("2w"), 336h);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("7 d"), 168h);
}

TEST(DurationTest, RefusesWhatIsNoDurationOrDoesNotFit) {
  for (const char* text : {"", "30", "s", "30 ", "30m", "1.5h", "-1h", "1h30min", "1H", "1y",
                           "9223372036854775808ms", "30500568905w", "99999999999999999999s"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pgkeep::io
