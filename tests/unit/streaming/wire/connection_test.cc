#include "streaming/wire/connection.h"

#include <cstdlib>
#include <future>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/fake_server.h"

namespace pgkeep::streaming {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeServer;
using test::FakeSession;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ThrowsMessage;

Connection open(const FakeServer& server, const std::stop_token& stop = {},
                ConnectionKind kind = ConnectionKind::physical) {
  return Connection::open({server.conninfo()}, kind, stop);
}

/// A script for a server that welcomes the client and then does as told.
auto welcoming(std::function<void(FakeSession&)> then, std::string version = "18.6") {
  return [then = std::move(then), version = std::move(version)](FakeSession& session) {
    session.read_startup();
    session.welcome(version);
    then(session);
  };
}

std::string text(io::ByteView bytes) {
  return std::string(io::as_text(bytes));
}

TEST(ConnectionTest, SaysWhatItIsToTheServer) {
  std::promise<std::map<std::string, std::string>> startup;
  FakeServer server([&](FakeSession& session) {
    startup.set_value(session.read_startup());
    session.welcome();
    session.wait_for_hangup();
  });
  auto settings = ConnectionSettings{server.conninfo() + " dbname=accounts", "pgkeep_backup"};
  const auto connection = Connection::open(settings, ConnectionKind::physical, {});
  const auto said = startup.get_future().get();
  EXPECT_EQ(said.at("replication"), "true");
  EXPECT_EQ(said.at("application_name"), "pgkeep_backup");
  EXPECT_EQ(said.at("database"), "replication");
  EXPECT_EQ(said.at("client_encoding"), "SQL_ASCII");
}

TEST(ConnectionTest, KnowsVersionAndPeer) {
  FakeServer server(welcoming(&FakeSession::wait_for_hangup, "13.16 (Debian 13.16-1)"));
  const auto connection = open(server);
  EXPECT_EQ(connection.server_version_number(), 130016);
  EXPECT_EQ(connection.major_version(), 13);
  EXPECT_EQ(connection.version_text(), "13.16");
  EXPECT_EQ(connection.peer().to_string(), fmt::format("127.0.0.1:{}", server.port()));
}

TEST(ConnectionTest, RefusesVersionsItDoesNotKnow) {
  for (const auto* version : {"12.22", "20beta1", "9.6.24"}) {
    FakeServer server(welcoming(&FakeSession::wait_for_hangup, version));
    EXPECT_THAT([&] { open(server); }, ThrowsMessage<Refused>(HasSubstr(version)));
  }
}

TEST(ConnectionTest, PinsASqlSessionBeforeAnythingElse) {
  std::promise<std::string> first;
  FakeServer server(welcoming([&](FakeSession& session) {
    first.set_value(session.read_query());
    session.answer({"set_config"}, {{""}});
    session.wait_for_hangup();
  }));
  const auto connection = open(server, {}, ConnectionKind::sql);
  EXPECT_THAT(first.get_future().get(), HasSubstr("pg_catalog.set_config('search_path', '', false)"));
}

TEST(ConnectionTest, GivesRowsWithNulls) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.answer({"a", "b"}, {{"1", std::nullopt}, {"", "x"}});
    session.wait_for_hangup();
  }));
  const auto rows = open(server).query("SHOW x");
  EXPECT_THAT(rows.columns, ElementsAre("a", "b"));
  EXPECT_THAT(rows.rows, ElementsAre(ElementsAre("1", std::nullopt), ElementsAre("", "x")));
}

TEST(ConnectionTest, CarriesTheServersWordsAndSqlstate) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.error("55000", "cannot read from slot", "It was \"lost\".", "Make it anew.");
    session.ready();
    session.read_query();
    session.answer({"a"}, {{"still here"}});
    session.wait_for_hangup();
  }));
  auto connection = open(server);
  try {
    connection.query("START_REPLICATION 0/0");
    FAIL() << "no error";
  } catch (const ServerError& error) {
    EXPECT_EQ(error.sqlstate(), "55000");
    EXPECT_THAT(error.what(),
                HasSubstr("START_REPLICATION: cannot read from slot; detail: It was \"lost\".; hint: "
                          "Make it anew. (SQLSTATE 55000)"));
  }
  EXPECT_EQ(connection.query("SHOW x").rows.at(0).at(0), "still here");
}

TEST(ConnectionTest, IsLostWhenTheServerNeverAnswersACommand) {
  FakeServer server(welcoming(&FakeSession::wait_for_hangup));
  const ConnectionSettings settings{.conninfo = server.conninfo(), .answer_within = seconds(1)};
  auto connection = Connection::open(settings, ConnectionKind::physical, {});
  EXPECT_THAT([&] { connection.query("IDENTIFY_SYSTEM"); },
              ThrowsMessage<ConnectionLost>(
                  AllOf(HasSubstr("IDENTIFY_SYSTEM"), HasSubstr("has not answered for 1 s"))));
}

TEST(ConnectionTest, IsLostWhenTheServerNeverAnswersTheFirstQuestionOfASession) {
  FakeServer server(welcoming(&FakeSession::wait_for_hangup));
  const ConnectionSettings settings{.conninfo = server.conninfo(), .answer_within = seconds(1)};
  EXPECT_THAT([&] { Connection::open(settings, ConnectionKind::sql, {}); },
              ThrowsMessage<ConnectionLost>(HasSubstr("has not answered")));
}

TEST(ConnectionTest, WaitsForACopyLongerThanForAnAnswer) {
  std::promise<void> waited;
  FakeServer server(welcoming([&](FakeSession& session) {
    session.read_query();
    session.copy_both();
    waited.get_future().wait();
    session.copy_data("late");
    session.wait_for_hangup();
  }));
  const ConnectionSettings settings{.conninfo = server.conninfo(), .answer_within = seconds(1)};
  auto connection = Connection::open(settings, ConnectionKind::physical, {});
  connection.send("START_REPLICATION 0/0");
  ASSERT_EQ(connection.next_result().kind, Connection::Next::copy_both);
  EXPECT_FALSE(connection.wait_readable(milliseconds(1200)));
  waited.set_value();
  io::ByteView data;
  EXPECT_EQ(connection.copy_receive(data), CopyState::data);
  EXPECT_EQ(text(data), "late");
}

TEST(ConnectionTest, TriesNoHostOnceAStopIsAskedFor) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(Connection::open({"host=does.not.exist.invalid"}, ConnectionKind::physical, stop.get_token()),
               Interrupted);
}

TEST(ConnectionTest, IsLostWhenTheServerHangsUp) {
  FakeServer server(welcoming([](FakeSession& session) { session.read_query(); }));
  auto connection = open(server);
  EXPECT_THROW(connection.query("IDENTIFY_SYSTEM"), ConnectionLost);
}

TEST(ConnectionTest, PrefersTheServersWordsToItsHangingUp) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.error("57P01", "terminating connection");
  }));
  auto connection = open(server);
  try {
    connection.query("IDENTIFY_SYSTEM");
    FAIL() << "no error";
  } catch (const ServerError& error) {
    EXPECT_EQ(error.sqlstate(), "57P01");
    EXPECT_TRUE(error.retryable());
  }
}

TEST(ConnectionTest, IsRefusedWithTheSqlstateOfTheLogin) {
  FakeServer server([](FakeSession& session) {
    session.read_startup();
    session.error("28P01", "Passwort-Authentifizierung fehlgeschlagen");
  });
  try {
    open(server);
    FAIL() << "connected";
  } catch (const ServerError& error) {
    EXPECT_EQ(error.sqlstate(), "28P01");
    EXPECT_FALSE(error.retryable());
    EXPECT_THAT(error.what(), HasSubstr("Passwort-Authentifizierung"));
  }
}

TEST(ConnectionTest, GivesUpAServerThatDoesNotAnswer) {
  FakeServer server(&FakeSession::wait_for_hangup);
  EXPECT_THAT(
      [&] {
        Connection::open({server.conninfo(), "pgkeep", seconds(1)}, ConnectionKind::physical, {});
      },
      ThrowsMessage<ConnectionLost>(HasSubstr("no answer within 1 s")));
}

TEST(ConnectionTest, TriesTheNextHost) {
  FakeServer starting([](FakeSession& session) {
    session.read_startup();
    session.error("57P03", "the database system is starting up");
  });
  FakeServer up(welcoming(&FakeSession::wait_for_hangup));
  const auto conninfo = fmt::format("host=127.0.0.1,127.0.0.1,127.0.0.1 port=1,{},{} user=x sslmode=disable",
                                    starting.port(), up.port());
  const auto connection = Connection::open({conninfo}, ConnectionKind::physical, {});
  EXPECT_EQ(connection.peer().to_string(), fmt::format("127.0.0.1:{}", up.port()));
}

TEST(ConnectionTest, TriesNoFurtherHostAfterARefusedLogin) {
  FakeServer refusing([](FakeSession& session) {
    session.read_startup();
    session.error("28000", "no pg_hba.conf entry");
  });
  FakeServer up([](FakeSession&) { ADD_FAILURE() << "was tried"; });
  const auto conninfo =
      fmt::format("host=127.0.0.1,127.0.0.1 port={},{} user=x sslmode=disable", refusing.port(), up.port());
  EXPECT_THROW(Connection::open({conninfo}, ConnectionKind::physical, {}), ServerError);
}

TEST(ConnectionTest, NamesAllHostsWhenNoneAnswers) {
  const ConnectionSettings settings{"host=127.0.0.1,localhost port=1,2 user=x"};
  EXPECT_THAT([&] { Connection::open(settings, ConnectionKind::physical, {}); },
              ThrowsMessage<ConnectionLost>(AllOf(HasSubstr("127.0.0.1:1"), HasSubstr("localhost:2"))));
}

TEST(ConnectionTest, StopEndsTheWaitForALogin) {
  std::stop_source stop;
  FakeServer server([&](FakeSession& session) {
    session.read_startup();
    stop.request_stop();
    session.wait_for_hangup();
  });
  EXPECT_THROW(open(server, stop.get_token()), Interrupted);
}

TEST(ConnectionTest, StopEndsTheWaitForAnAnswer) {
  std::stop_source stop;
  FakeServer server(welcoming([&](FakeSession& session) {
    session.read_query();
    stop.request_stop();
    session.wait_for_hangup();
  }));
  auto connection = open(server, stop.get_token());
  EXPECT_THROW(connection.query("BASE_BACKUP"), Interrupted);
}

TEST(ConnectionTest, GoodbyePassesOverTheStop) {
  std::stop_source stop;
  FakeServer server(welcoming([&](FakeSession& session) {
    session.read_query();
    session.answer({"a"}, {{"1"}});
    session.wait_for_hangup();
  }));
  auto connection = open(server, stop.get_token());
  stop.request_stop();
  connection.allow_goodbye(seconds(60));
  EXPECT_EQ(connection.query("SHOW x").rows.size(), 1u);
}

TEST(ConnectionTest, GoodbyeHasAnEnd) {
  FakeServer server(welcoming(&FakeSession::wait_for_hangup));
  auto connection = open(server);
  connection.allow_goodbye(milliseconds(5));
  EXPECT_THAT([&] { connection.query("SHOW x"); },
              ThrowsMessage<ConnectionLost>(HasSubstr("did not end in the time")));
}

TEST(ConnectionTest, HandsNoticesToTheHandler) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.warning("checksum verification failed");
    session.answer({"a"}, {});
    session.wait_for_hangup();
  }));
  auto connection = open(server);
  std::vector<std::string> heard;
  connection.on_notice(
      [&](auto severity, auto message) { heard.push_back(fmt::format("{} {}", severity, message)); });
  connection.query("BASE_BACKUP");
  EXPECT_THAT(heard, ElementsAre("WARNING checksum verification failed"));
}

TEST(ConnectionTest, StreamsToTheEndOfATimeline) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.copy_both();
    session.copy_data("wal");
    EXPECT_EQ(session.read_message(), std::pair('d', std::string("status")));
    session.copy_done();
    EXPECT_EQ(session.read_message()->first, 'c');
    session.rows({"next_tli", "next_tli_startpos"}, {{"2", "0/3000000"}});
    session.complete();
    session.complete("START_REPLICATION");
    session.ready();
    session.wait_for_hangup();
  }));
  auto connection = open(server);
  connection.send("START_REPLICATION 0/2000000 TIMELINE 1");
  EXPECT_EQ(connection.next_result().kind, Connection::Next::copy_both);
  io::ByteView bytes;
  EXPECT_EQ(connection.copy_receive(bytes), CopyState::data);
  EXPECT_EQ(text(bytes), "wal");
  EXPECT_EQ(connection.copy_poll(bytes), CopyState::nothing_yet);
  EXPECT_FALSE(connection.wait_readable(milliseconds(1)));
  connection.copy_send(io::as_bytes("status"));
  EXPECT_EQ(connection.copy_receive(bytes), CopyState::ended);
  EXPECT_EQ(connection.next_result().kind, Connection::Next::copy_in);
  connection.copy_end();
  EXPECT_EQ(connection.next_result().rows.rows.at(0).at(0), "2");
  EXPECT_EQ(connection.next_result().command_tag, "START_REPLICATION");
  EXPECT_EQ(connection.next_result().kind, Connection::Next::done);
}

TEST(ConnectionTest, ReportsTheErrorThatEndsACopy) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.copy_both();
    session.error("58P01", "requested WAL segment has already been removed");
    session.ready();
    session.wait_for_hangup();
  }));
  auto connection = open(server);
  connection.send("START_REPLICATION 0/0");
  connection.next_result();
  io::ByteView bytes;
  EXPECT_EQ(connection.copy_receive(bytes), CopyState::ended);
  EXPECT_THAT([&] { connection.next_result(); },
              ThrowsMessage<ServerError>(HasSubstr("already been removed")));
}

// ------------------------------------------------------------------- servers that send without end

/// Ends when the client hangs up.
[[noreturn]] void send_for_ever(FakeSession& session, const std::string& message,
                                milliseconds pause = milliseconds(0)) {
  std::string many;
  while (pause == milliseconds(0) && many.size() < 65536) many += message;
  for (;;) {
    session.raw(pause == milliseconds(0) ? many : message);
    if (pause != milliseconds(0)) std::this_thread::sleep_for(pause);
  }
}

const std::string kRow("D\0\0\0\x0b\0\1\0\0\0\1x", 12);
const std::string kSetting(
    "S\0\0\0\x0c"
    "abc\0def\0",
    13);
const std::string kCompletion("C\0\0\0\x0bSELECT\0", 12);

TEST(ConnectionTest, RefusesAnswersThatNeverEnd) {
  for (const auto& message : {kRow, kSetting, kCompletion}) {
    FakeServer server(welcoming([&](FakeSession& session) {
      session.read_query();
      session.rows({"a"}, {});
      send_for_ever(session, message);
    }));
    auto connection = open(server);
    EXPECT_THAT([&] { connection.query("IDENTIFY_SYSTEM"); },
                ThrowsMessage<ProtocolError>(AllOf(HasSubstr("IDENTIFY_SYSTEM"), HasSubstr("more than"))));
  }
}

TEST(ConnectionTest, RefusesAMessageThatNeverEnds) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.rows({"a"}, {});
    session.raw("D\x3f\xff\xff\xff");
    send_for_ever(session, "x");
  }));
  auto connection = open(server);
  EXPECT_THAT([&] { connection.query("SHOW x"); }, ThrowsMessage<ProtocolError>(HasSubstr("16 MiB")));
}

TEST(ConnectionTest, RefusesALogInThatNeverEnds) {
  FakeServer server([](FakeSession& session) {
    session.read_startup();
    session.raw(std::string("R\0\0\0\x08\0\0\0\0", 9));
    send_for_ever(session, kSetting);
  });
  EXPECT_THAT([&] { open(server); }, ThrowsMessage<ProtocolError>(HasSubstr("connecting")));
}

TEST(ConnectionTest, GivesUpALogInThatDripsOn) {
  FakeServer server([](FakeSession& session) {
    session.read_startup();
    session.raw(std::string("R\0\0\0\x08\0\0\0\0", 9));
    send_for_ever(session, kSetting, milliseconds(1));
  });
  EXPECT_THAT(
      [&] {
        Connection::open({server.conninfo(), "pgkeep", seconds(1)}, ConnectionKind::physical, {});
      },
      ThrowsMessage<ConnectionLost>(HasSubstr("within 1 s")));
}

TEST(ConnectionTest, GivesUpAnAnswerThatDripsOn) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    send_for_ever(session, kSetting, milliseconds(1));
  }));
  const ConnectionSettings settings{.conninfo = server.conninfo(), .answer_within = seconds(1)};
  auto connection = Connection::open(settings, ConnectionKind::physical, {});
  EXPECT_THAT([&] { connection.query("IDENTIFY_SYSTEM"); }, ThrowsMessage<ConnectionLost>(HasSubstr("1 s")));
}

TEST(ConnectionTest, GoodbyeHasAnEndForAServerThatGoesOnSending) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.copy_both();
    for (;;) session.copy_data("wal");
  }));
  auto connection = open(server);
  connection.send("START_REPLICATION 0/0");
  connection.next_result();
  connection.allow_goodbye(milliseconds(50));
  connection.copy_end();
  io::ByteView ignored;
  EXPECT_THROW(while (connection.copy_receive(ignored) == CopyState::data){}, ConnectionLost);
}

TEST(ConnectionTest, TakesACopyOfAnySize) {
  constexpr std::size_t kMessage = 128u << 10;
  constexpr std::size_t kMessages = 400;  // 50 MiB
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.copy_out();
    for (std::size_t i = 0; i < kMessages; ++i) session.copy_data(std::string(kMessage, 'x'));
    session.copy_done();
    session.complete("COPY");
    session.ready();
    session.wait_for_hangup();
  }));
  auto connection = open(server);
  connection.send("BASE_BACKUP");
  connection.next_result();
  io::ByteView bytes;
  std::size_t messages = 0;
  while (connection.copy_receive(bytes) == CopyState::data) ++messages;
  EXPECT_EQ(messages, kMessages);
}

TEST(ConnectionTest, RefusesSettingsThatNeverEndInACopy) {
  FakeServer server(welcoming([](FakeSession& session) {
    session.read_query();
    session.copy_both();
    send_for_ever(session, kSetting);
  }));
  auto connection = open(server);
  connection.send("START_REPLICATION 0/0");
  connection.next_result();
  io::ByteView bytes;
  EXPECT_THROW(connection.copy_receive(bytes), ProtocolError);
}

TEST(ConnectionTest, CutsAndCleansWhatAServerSays) {
  const auto text = "\x1b[2J" + std::string(1'000'000, 'x');
  FakeServer server(welcoming([&](FakeSession& session) {
    session.read_query();
    session.warning(text);
    session.error("55000", text, text, text);
    session.ready();
    session.wait_for_hangup();
  }));
  auto connection = open(server);
  const auto is_shown_safely =
      AllOf(Not(HasSubstr("\x1b")), HasSubstr("?[2J"), ::testing::SizeIs(::testing::Lt(4096u)));
  std::string notice;
  connection.on_notice([&](auto /*severity*/, auto message) { notice = message; });
  EXPECT_THAT([&] { connection.query("SHOW x"); }, ThrowsMessage<ServerError>(is_shown_safely));
  EXPECT_THAT(notice, is_shown_safely);
}

TEST(ConnectionTest, SendsNoCommandWithAZeroByte) {
  FakeServer server(welcoming(&FakeSession::wait_for_hangup));
  auto connection = open(server);
  EXPECT_THROW(connection.query(std::string_view("SHOW x\0y", 8)), Error);
}

TEST(EnvironmentTest, ForgetsWhatLibpqWouldRead) {
  ::setenv("PGHOST", "elsewhere.example", 1);
  ::setenv("PGOPTIONS", "-c search_path=evil", 1);
  ::setenv("PGSERVICEFILE", "/nowhere", 1);
  ::setenv("PGPASSFILE", "/kept", 1);
  forget_libpq_environment();
  EXPECT_EQ(std::getenv("PGHOST"), nullptr);
  EXPECT_EQ(std::getenv("PGOPTIONS"), nullptr);
  EXPECT_EQ(std::getenv("PGSERVICEFILE"), nullptr);
  EXPECT_STREQ(std::getenv("PGPASSFILE"), "/kept");
  ::unsetenv("PGPASSFILE");
}

}  // namespace
}  // namespace pgkeep::streaming
