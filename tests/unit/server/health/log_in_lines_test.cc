#include "server/health/log_in_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ServerFacts refused(const std::string& conninfo, const std::string& sqlstate, const std::string& error) {
  ServerFacts facts;
  facts.config.conninfo = conninfo;
  facts.sql = ConnectionFacts{
      .error = error, .lost = sqlstate.empty(), .sqlstate = sqlstate, .peer = {}, .system = {}};
  return facts;
}

TEST(LogInLinesTest, NameRoleDatabaseAndTheAddressThatTheServerSees) {
  const auto lines = log_in_lines(
      refused(
          "host=pg1 user=keeper dbname=app", "28000",
          R"(FATAL:  no pg_hba.conf entry for host "10.0.0.5", user "keeper", database "app", no encryption)"),
      "me");
  EXPECT_THAT(lines.sql,
              ElementsAre(HasSubstr("CREATE ROLE keeper LOGIN REPLICATION;"), "GRANT pg_monitor TO keeper;"));
  EXPECT_THAT(lines.hba, ElementsAre("host  app  keeper  10.0.0.5/32  scram-sha-256",
                                     "host  replication  keeper  10.0.0.5/32  scram-sha-256"));
}

TEST(LogInLinesTest, QuoteWhatSqlWouldReadOtherwise) {
  const auto lines = log_in_lines(refused(R"(host=/tmp user='the "Keeper"')", "28P01", "wrong"), "me");
  EXPECT_EQ(lines.sql.back(), R"(GRANT pg_monitor TO "the ""Keeper""";)");
  EXPECT_EQ(lines.hba.back(), R"(local  replication  "the ""Keeper"""  peer)");
}

TEST(LogInLinesTest, AreTheSameForARefusedReplication) {
  auto facts = refused("host=pg1", "", "");
  facts.replication = ConnectionFacts{
      .error = "must be replication role", .lost = false, .sqlstate = "42501", .peer = {}, .system = {}};
  EXPECT_THAT(log_in_lines(facts, "me").hba.back(), HasSubstr("replication  me  ADDRESS/32"));
}

TEST(LogInLinesTest, AreNoneForAServerThatDoesNotAnswerOrLetsUsIn) {
  EXPECT_THAT(log_in_lines(refused("host=pg1", "", "connection refused"), "me").sql, IsEmpty());
  EXPECT_THAT(log_in_lines(refused("host=pg1", "57P03", "starting up"), "me").hba, IsEmpty());
}

TEST(LogInLinesTest, ReadTheAddressOfBothFamiliesAndNothingElse) {
  EXPECT_EQ(
      address_in_refusal(R"(no pg_hba.conf entry for replication connection from host "fe80::1", user "x")"),
      "fe80::1");
  EXPECT_EQ(
      address_in_refusal(R"x(connection to server at "pg1" failed: no pg_hba.conf entry for host "$(id)")x"),
      "");
  EXPECT_EQ(address_in_refusal("password authentication failed"), "");
}

}  // namespace
}  // namespace pgkeep::server
