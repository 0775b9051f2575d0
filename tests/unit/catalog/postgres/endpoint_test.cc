#include "catalog/postgres/endpoint.h"

#include <gtest/gtest.h>

namespace pgkeep::postgres {
namespace {

TEST(EndpointTest, IsWrittenWithItsPort) {
  EXPECT_EQ(Endpoint("pg1", "5432").to_string(), "pg1:5432");
  EXPECT_EQ(Endpoint("10.0.0.5", "5433").to_string(), "10.0.0.5:5433");
}

TEST(EndpointTest, KeepsAnAddressApartFromThePortByBrackets) {
  EXPECT_EQ(Endpoint("fd00::1", "5432").to_string(), "[fd00::1]:5432");
}

TEST(EndpointTest, IsTheFileOfASocket) {
  EXPECT_EQ(Endpoint("/run/postgresql", "5432").to_string(), "/run/postgresql/.s.PGSQL.5432");
}

TEST(EndpointTest, IsTheSameWhereHostAndPortAre) {
  EXPECT_EQ(Endpoint("db", "5432"), Endpoint("db", "5432"));
  EXPECT_NE(Endpoint("db", "5432"), Endpoint("db", "5433"));
  EXPECT_NE(Endpoint("db", "5432"), Endpoint("db1", "5432"));
}

TEST(EndpointTest, ComesBackFromWhatWasWritten) {
  for (const auto& endpoint : {Endpoint("db", "5432"), Endpoint("::1", "5432"), Endpoint("/tmp", "5432")})
    EXPECT_EQ(Endpoint::from_text(endpoint.to_string()), endpoint);
}

TEST(EndpointTest, IsNotKnownUntilItIsNamed) {
  EXPECT_FALSE(Endpoint().is_known());
  EXPECT_FALSE(Endpoint::from_text("").is_known());
  EXPECT_TRUE(Endpoint("db", "5432").is_known());
}

}  // namespace
}  // namespace pgkeep::postgres
