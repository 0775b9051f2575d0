#include "catalog/postgres/lsn.h"

#include <gtest/gtest.h>

namespace pgkeep::postgres {
namespace {

TEST(LsnTest, ParsesBothHalves) {
  EXPECT_EQ(Lsn::parse("16/B374D848"), Lsn(0x16'B374'D848));
  EXPECT_EQ(Lsn::parse("0/0"), Lsn());
  EXPECT_EQ(Lsn::parse("FFFFFFFF/FFFFFFFF"), Lsn(UINT64_MAX));
}

TEST(LsnTest, ParsesLowerCaseAndLeadingZeros) {
  EXPECT_EQ(Lsn::parse("0000000a/00b0c0d0"), Lsn(0xA'00B0'C0D0));
}

TEST(LsnTest, RefusesNineDigits) {
  EXPECT_FALSE(Lsn::parse("123456789/0"));
  EXPECT_FALSE(Lsn::parse("000000000/0"));
  EXPECT_FALSE(Lsn::parse("0/123456789"));
}

TEST(LsnTest, RefusesWhatIsNoLsn) {
  for (const auto* text :
       {"", "/", "0", "0/", "/0", "0/0/0", "-1/0", "+1/0", "0x1/0", "G/0", " 0/0", "0/0 ", "0/0\n"}) {
    EXPECT_FALSE(Lsn::parse(text)) << '"' << text << '"';
  }
}

TEST(LsnTest, PrintsAsPostgresDoes) {
  EXPECT_EQ(Lsn(0x300'0028).to_string(), "0/3000028");
  EXPECT_EQ(Lsn(0x16'0000'0000).to_string(), "16/0");
  EXPECT_EQ(Lsn(UINT64_MAX).to_string(), "FFFFFFFF/FFFFFFFF");
}

TEST(LsnTest, ParsesWhatItPrints) {
  for (const std::uint64_t value : {0ull, 1ull, 0xFFFF'FFFFull, 0x1'0000'0000ull, 0x1234'5678'9ABC'DEF0ull}) {
    EXPECT_EQ(Lsn::parse(Lsn(value).to_string()), Lsn(value));
  }
}

TEST(LsnTest, OrdersAndCountsAcrossTheHalves) {
  const Lsn before(0xFFFF'FFF8);
  EXPECT_EQ(before + 16, Lsn(0x1'0000'0008));
  EXPECT_EQ(Lsn(0x1'0000'0008) - before, 16u);
  EXPECT_LT(before, Lsn(0x1'0000'0000));
}

}  // namespace
}  // namespace pgkeep::postgres
