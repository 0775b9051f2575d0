#include "streaming/wire/conninfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "streaming/wire/server_refusal.h"

namespace pgkeep::streaming {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

/// What libpq would take: of a repeated keyword the last that is not empty.
std::string value(const Keywords& keywords, std::string_view name) {
  std::string last;
  for (const auto& [key, given] : keywords) {
    if (key == name && !given.empty()) last = given;
  }
  return last;
}

Keywords attempt(const std::string& conninfo, ConnectionKind kind = ConnectionKind::physical) {
  const auto attempts = connection_attempts({conninfo}, kind);
  EXPECT_EQ(attempts.size(), 1u);
  return attempts.at(0);
}

/// "host/hostaddr:port" of each attempt.
std::vector<std::string> hosts(const std::string& conninfo) {
  std::vector<std::string> all;
  for (const auto& keywords : connection_attempts({conninfo}, ConnectionKind::physical)) {
    all.push_back(value(keywords, "host") + "/" + value(keywords, "hostaddr") + ":" +
                  value(keywords, "port"));
  }
  return all;
}

TEST(ConninfoTest, IsDescribedWithoutItsPassword) {
  EXPECT_EQ(describe_conninfo("host=db1 password=secret user=pgkeep sslpassword=secret"),
            "user=pgkeep host=db1");
  EXPECT_EQ(describe_conninfo("postgresql://pgkeep:secret@db1:5433/x?sslmode=require"),
            "user=pgkeep dbname=x host=db1 port=5433 sslmode=require");
}

TEST(ConninfoTest, IsDescribedInWordsThatLibpqReadsAgain) {
  const auto text = describe_conninfo(R"(application_name='it\'s \\ it' dbname='')");
  EXPECT_EQ(describe_conninfo(text), text);
  EXPECT_EQ(value(parse_conninfo(text), "application_name"), R"(it's \ it)");
}

TEST(ConninfoTest, KnowsWhetherItHoldsAPassword) {
  EXPECT_TRUE(holds_password("host=db1 password=x"));
  EXPECT_TRUE(holds_password("postgresql://pgkeep:x@db1"));
  EXPECT_FALSE(holds_password("host=db1 passfile=/etc/pgpass"));
  EXPECT_FALSE(holds_password("password=''"));
}

TEST(ConninfoTest, NeverShowsAPasswordThatItCannotRead) {
  for (const auto* conninfo :
       {"password=my secret", "password=a secret=b", "password='secret", "password = x secret \"y",
        "secret password=x", "postgresql://u:secret@[::1", "postgresql://u:secret@host?secret=1",
        "postgresql://u:sec%zz-secret@host", "postgresql://u:%00secret@host"}) {
    EXPECT_THAT([&] { describe_conninfo(conninfo); }, ThrowsMessage<UsageError>(Not(HasSubstr("secret"))))
        << conninfo;
    EXPECT_THAT([&] { parse_conninfo(conninfo); }, ThrowsMessage<UsageError>(Not(HasSubstr("secret"))))
        << conninfo;
  }
}

TEST(ConninfoTest, SaysWhatIsWrongWhereNoPasswordCanBe) {
  EXPECT_THAT([] { parse_conninfo("host=db1 prot=5432"); },
              ThrowsMessage<UsageError>(HasSubstr("invalid connection option \"prot\"")));
}

TEST(ConnectionAttemptsTest, OurKeywordsWin) {
  const auto keywords = attempt("host=db1 dbname=accounts replication=database application_name=other");
  EXPECT_EQ(value(keywords, "replication"), "true");
  EXPECT_EQ(value(keywords, "dbname"), "replication");
  EXPECT_EQ(value(keywords, "application_name"), "pgkeep");
}

TEST(ConnectionAttemptsTest, AskForReadWriteTransactionsWhateverTheServersDefaultIs) {
  constexpr const char* kOurs = "-c default_transaction_read_only=off";
  EXPECT_EQ(value(attempt("host=db1"), "options"), kOurs);
  EXPECT_EQ(value(attempt("host=db1 options='-c a=b'"), "options"), std::string("-c a=b ") + kOurs);
  EXPECT_EQ(value(attempt("host=db1", ConnectionKind::sql), "options"), "");
}

TEST(ConnectionAttemptsTest, OurDefaultsGiveWay) {
  EXPECT_EQ(value(attempt("host=db1"), "tcp_user_timeout"), "60000");
  EXPECT_EQ(value(attempt("host=db1 tcp_user_timeout=5000"), "tcp_user_timeout"), "5000");
}

TEST(ConnectionAttemptsTest, SqlGoesToTheDatabaseNamedElseToPostgres) {
  EXPECT_EQ(value(attempt("host=db1", ConnectionKind::sql), "dbname"), "postgres");
  EXPECT_EQ(value(attempt("host=db1 dbname=accounts", ConnectionKind::sql), "dbname"), "accounts");
  EXPECT_EQ(value(attempt("host=db1 replication=true", ConnectionKind::sql), "replication"), "false");
}

TEST(ConnectionAttemptsTest, TriesEachHostWithItsOwnAddressAndPort) {
  EXPECT_THAT(hosts("host=a,b port=1,2"), ::testing::ElementsAre("a/:1", "b/:2"));
  EXPECT_THAT(hosts("host=a,b port=5433"), ::testing::ElementsAre("a/:5433", "b/:5433"));
  EXPECT_THAT(hosts("host=a,,b port=1,,2"), ::testing::ElementsAre("a/:1", "/:", "b/:2"));
  EXPECT_THAT(hosts("hostaddr=10.0.0.1,10.0.0.2"), ::testing::ElementsAre("/10.0.0.1:", "/10.0.0.2:"));
  EXPECT_THAT(hosts("host=a,b hostaddr=10.0.0.1,10.0.0.2"),
              ::testing::ElementsAre("a/10.0.0.1:", "b/10.0.0.2:"));
  EXPECT_THAT(hosts("postgresql://a:1,b:2/"), ::testing::ElementsAre("a/:1", "b/:2"));
}

TEST(ConnectionAttemptsTest, LeavesListsAtOddsToLibpq) {
  EXPECT_THAT(hosts("host=a,b,c port=1,2"), ::testing::ElementsAre("a,b,c/:1,2"));
  EXPECT_THAT(hosts("host=a hostaddr=10.0.0.1,10.0.0.2"), ::testing::ElementsAre("a/10.0.0.1,10.0.0.2:"));
}

TEST(ConnectionAttemptsTest, LooksForAStandbyOnAllHostsBeforeItTakesAnother) {
  const auto attempts =
      connection_attempts({"host=a,b target_session_attrs=prefer-standby"}, ConnectionKind::physical);
  ASSERT_EQ(attempts.size(), 4u);
  EXPECT_EQ(value(attempts[1], "target_session_attrs"), "standby");
  EXPECT_EQ(value(attempts[2], "target_session_attrs"), "any");
  EXPECT_EQ(value(attempts[2], "host"), "a");
}

TEST(ConnectTimeoutTest, IsTheConninfosElseOurs) {
  EXPECT_EQ(connect_timeout({"host=a", "pgkeep", seconds(7)}), seconds(7));
  EXPECT_EQ(connect_timeout({"host=a connect_timeout=3", "pgkeep", seconds(7)}), seconds(3));
  EXPECT_EQ(connect_timeout({"host=a connect_timeout=0", "pgkeep", seconds(7)}), std::nullopt);
  EXPECT_THROW(connect_timeout({"connect_timeout=soon"}), UsageError);
}

constexpr const char* kRefused =
    "connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  28P01: "
    "password authentication failed for user \"pgkeep\"\nLOCATION:  auth_failed, auth.c:338\n";
constexpr const char* kUnreachable =
    "connection to server at \"10.0.0.1\", port 5432 failed: Connection refused\n"
    "\tIs the server running on that host and accepting TCP/IP connections?\n";

TEST(ConnectFailureTest, FindsTheSqlstateInEveryLanguage) {
  EXPECT_EQ(sqlstate_of_connect_message(kRefused), "28P01");
  EXPECT_EQ(sqlstate_of_connect_message(
                "connection to server at \"x\", port 1 failed: 致命错误:  57P03: 数据库系统启动中\n"),
            "57P03");
  EXPECT_EQ(sqlstate_of_connect_message("FATAL:  53300: sorry"), "53300");
}

TEST(ConnectFailureTest, TakesNothingElseForASqlstate) {
  EXPECT_EQ(sqlstate_of_connect_message(kUnreachable), std::nullopt);
  EXPECT_EQ(sqlstate_of_connect_message("FATAL:  too many connections"), std::nullopt);
  EXPECT_EQ(sqlstate_of_connect_message("FATAL:  2800"), std::nullopt);
  EXPECT_EQ(sqlstate_of_connect_message(""), std::nullopt);
}

TEST(ConnectFailureTest, BelievesTheLastAttempt) {
  EXPECT_EQ(sqlstate_of_connect_message(std::string(kRefused) + kUnreachable), std::nullopt);
  EXPECT_EQ(sqlstate_of_connect_message(std::string(kUnreachable) + kRefused), "28P01");
}

TEST(ConnectFailureTest, SaysWhatToDoAndNotWhereInTheSource) {
  EXPECT_THAT([] { throw_connect_failure("db1:5432", kRefused, false); },
              ThrowsMessage<ServerError>(AllOf(HasSubstr("cannot connect to db1:5432"),
                                               HasSubstr("check the user and its password"),
                                               Not(HasSubstr("auth.c")), Not(HasSubstr("\n")))));
}

TEST(ConnectFailureTest, IsARefusalWhenThePasswordIsMissing) {
  EXPECT_THROW(throw_connect_failure("db1:5432", "fe_sendauth: no password supplied\n", true), ServerError);
}

TEST(ConnectFailureTest, IsALossWhenNobodyAnswered) {
  EXPECT_THROW(throw_connect_failure("db1:5432", kUnreachable, false), ConnectionLost);
}

}  // namespace
}  // namespace pgkeep::streaming
