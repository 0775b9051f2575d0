#include "recover/plan/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"

namespace pgkeep::recover {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

TEST(TargetTest, HandsTimesToPostgresInUtcWithAZone) {
  struct Row {
    const char* typed;
    const char* text;
  };
  const Row rows[] = {
      {"2026-11-20 02:00:00Z", "2026-11-20 02:00:00+00"},
      {"2026-11-20T02:00:00.25+01:00", "2026-11-20 01:00:00.250000+00"},
      {"2026-11-20 02:00:00 UTC", "2026-11-20 02:00:00+00"},
      {"2026-11-20 02:00:00.123456-0530", "2026-11-20 07:30:00.123456+00"},
      {"2026-11-20 02:00:00+00", "2026-11-20 02:00:00+00"},
      {" 2026-11-20 02:00 GMT ", "2026-11-20 02:00:00+00"},
      {"2026-11-20 +01", "2026-11-19 23:00:00+00"},
  };
  for (const auto& row : rows) {
    const auto target = parse_target_time(row.typed);
    EXPECT_EQ(target.text, row.text) << row.typed;
    EXPECT_FALSE(target.zone_assumed) << row.typed;
  }
}

TEST(TargetTest, TakesATimeWithoutAZoneAsLocalAndSaysSo) {
  const auto target = parse_target_time("2026-11-20 02:00:00.5");
  EXPECT_TRUE(target.zone_assumed);
  EXPECT_THAT(RecoveryTarget{.where = target}.describe(), HasSubstr("local time of this host"));
}

TEST(TargetTest, RefusesTimesThatAreNone) {
  for (const std::string text :
       {"", "yesterday", "2026-13-01 00:00:00Z", "2026-11-20 25:00:00Z", "2026-11-20 02:00:00 CET",
        "2026-11-20 02:00:00+1", "2026-11-20 02:00:00+ab", "02:00:00Z"}) {
    EXPECT_THAT([&] { parse_target_time(text); }, ThrowsMessage<UsageError>(HasSubstr("--target-time")))
        << text;
  }
}

TEST(TargetTest, ReadsLsnXidAndName) {
  EXPECT_EQ(parse_target_lsn("16/B374D848").lsn.to_string(), "16/B374D848");
  EXPECT_EQ(parse_target_xid(" 731").xid, "731");
  EXPECT_EQ(parse_target_name("before release").name, "before release");
}

TEST(TargetTest, RefusesWhatIsNoLsnXidOrName) {
  EXPECT_THAT([] { parse_target_lsn("16-1"); }, ThrowsMessage<UsageError>(HasSubstr("--target-lsn")));
  for (const std::string xid : {"", "0", "-1", "7x", "123456789012345678901"})
    EXPECT_THAT([&] { parse_target_xid(xid); }, ThrowsMessage<UsageError>(HasSubstr("--target-xid"))) << xid;
  for (const auto& name : {std::string(), std::string(64, 'x'), std::string("a\nb")})
    EXPECT_THAT([&] { parse_target_name(name); }, ThrowsMessage<UsageError>(HasSubstr("--target-name")))
        << name;
}

TEST(TargetTest, SaysInclusiveOnlyWherePostgresLooksAtIt) {
  EXPECT_EQ((RecoveryTarget{.where = EndOfWal{}}.describe()), "end of WAL");
  EXPECT_EQ((RecoveryTarget{.where = TargetXid{"7"}, .inclusive = false}.describe()),
            "transaction 7 (exclusive)");
  EXPECT_THAT((RecoveryTarget{.where = TargetName{"r"}}.describe()), Not(HasSubstr("inclusive")));
  EXPECT_EQ((RecoveryTarget{
                .where = Immediate{}, .action = TargetAction::promote, .timeline = postgres::TimelineId(3)}
                 .describe()),
            "as soon as the backup is consistent, on timeline 3, then promote");
}

}  // namespace
}  // namespace pgkeep::recover
