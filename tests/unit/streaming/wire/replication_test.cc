#include "streaming/wire/replication.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/fake_server.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using postgres::TimelineId;
using test::FakeServer;
using test::FakeSession;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

using Cells = std::vector<FakeSession::Cell>;

/// A server that answers the commands it is taught, each with one row or an error.
class ReplicationTest : public ::testing::Test {
 protected:
  struct Answer {
    std::optional<Cells> row;
    std::string sqlstate;
  };

  void server_answers(const std::string& command, Cells row) { answers_[command] = {std::move(row), {}}; }
  void server_has_no_rows_for(const std::string& command) { answers_[command] = {}; }
  void server_refuses(const std::string& command, const std::string& sqlstate) {
    answers_[command] = {{}, sqlstate};
  }

  Connection& connection() {
    if (!connection_) connection_ = Connection::open(settings(), ConnectionKind::physical, {});
    return *connection_;
  }
  ConnectionSettings settings() const { return {server_.conninfo()}; }

  std::string version_ = "18.6";

 private:
  void serve(FakeSession& session) {
    session.read_startup();
    session.welcome(version_);
    for (auto query = session.read_query(); !query.empty(); query = session.read_query()) {
      if (query.starts_with("SELECT pg_catalog.set_config")) {
        session.answer({"set_config"}, {{""}});
        continue;
      }
      const auto known = answers_.find(query);
      if (known == answers_.end()) ADD_FAILURE() << "the server was asked: " << query;
      answer(session, known == answers_.end() ? Answer{{}, "42601"} : known->second);
    }
  }
  static void answer(FakeSession& session, const Answer& answer) {
    if (!answer.sqlstate.empty()) {
      session.error(answer.sqlstate, "no");
      session.ready();
    } else if (!answer.row) {
      session.answer({"a", "b"}, {});
    } else {
      session.answer(std::vector<std::string>(answer.row->size(), "column"), {*answer.row});
    }
  }

  std::map<std::string, Answer> answers_;
  // Served one after the other: the SQL session of 13 and 14 has a server of its own.
  FakeServer server_{[this](FakeSession& session) { serve(session); }};
  std::optional<Connection> connection_;
};

TEST_F(ReplicationTest, IdentifiesTheSystem) {
  server_answers("IDENTIFY_SYSTEM", {"7710112584741425143", "4294967295", "16/B374D848", std::nullopt});
  const auto system = identify_system(connection());
  EXPECT_EQ(system.system.value(), 7710112584741425143u);
  EXPECT_EQ(system.timeline, TimelineId(4294967295));
  EXPECT_EQ(system.position, Lsn(0x16'B374'D848));
}

TEST_F(ReplicationTest, BelievesNoOtherAnswer) {
  for (const Cells& row : std::vector<Cells>{{"x", "1", "0/1"},
                                             {"1", "0", "0/1"},
                                             {"1", "-1", "0/1"},
                                             {"1", "1", "nowhere"},
                                             {std::nullopt, "1", "0/1"},
                                             {"1", "1"}}) {
    server_answers("IDENTIFY_SYSTEM", row);
    EXPECT_THROW(identify_system(connection()), ProtocolError);
  }
  server_has_no_rows_for("IDENTIFY_SYSTEM");
  EXPECT_THROW(identify_system(connection()), ProtocolError);
}

TEST_F(ReplicationTest, AsksForTheIdentity) {
  server_answers("SHOW block_size", {"8192"});
  server_answers("SHOW wal_segment_size", {"1GB"});
  const auto identity = ask_identity(connection(), {postgres::SystemIdentifier(7), TimelineId(1), Lsn(1)});
  EXPECT_EQ(identity, (catalog::ServerIdentity{postgres::SystemIdentifier(7), 18,
                                               postgres::WalSegmentSize(1u << 30), 8192}));
}

TEST_F(ReplicationTest, RefusesSegmentSizesThatCannotBe) {
  for (const auto* size : {"17MB", "2GB", "0", "many"}) {
    server_answers("SHOW wal_segment_size", {size});
    EXPECT_THAT([&] { show_wal_segment_size(connection()); }, ThrowsMessage<ProtocolError>(HasSubstr(size)));
  }
}

TEST_F(ReplicationTest, FetchesAHistoryFile) {
  server_answers("TIMELINE_HISTORY 2", {"00000002.history", "1\t0/3000000\tno recovery target specified\n"});
  EXPECT_EQ(timeline_history(connection(), TimelineId(2)).content,
            "1\t0/3000000\tno recovery target specified\n");
}

TEST_F(ReplicationTest, RefusesAHistoryFileOfAnotherName) {
  server_answers("TIMELINE_HISTORY 2", {"../../etc/passwd", ""});
  EXPECT_THROW(timeline_history(connection(), TimelineId(2)), ProtocolError);
}

const std::string kCreate = R"(CREATE_REPLICATION_SLOT "pgkeep" PHYSICAL RESERVE_WAL)";
const std::string kRead = R"(READ_REPLICATION_SLOT "pgkeep")";
TEST_F(ReplicationTest, CreatesASlotThatReservesWal) {
  server_answers(kCreate, {"pgkeep", "0/0", std::nullopt, std::nullopt});
  EXPECT_TRUE(create_slot(connection(), "pgkeep"));
}

TEST_F(ReplicationTest, TakesASlotThatIsThere) {
  server_refuses(kCreate, "42710");
  server_answers(kRead, {"physical", "0/3000000", "1"});
  EXPECT_FALSE(create_slot(connection(), "pgkeep"));
}

TEST_F(ReplicationTest, RefusesALogicalSlot) {
  server_refuses(kCreate, "42710");
  server_refuses(kRead, "0A000");
  EXPECT_THROW(create_slot(connection(), "pgkeep"), Refused);
  EXPECT_THROW(read_slot(connection(), "pgkeep", settings(), {}), Refused);
}

TEST_F(ReplicationTest, PassesOnWhyASlotCannotBeMade) {
  server_refuses(kCreate, "53400");
  EXPECT_THROW(create_slot(connection(), "pgkeep"), ServerError);
}

TEST_F(ReplicationTest, DropsASlotOnce) {
  server_answers(R"(DROP_REPLICATION_SLOT "pgkeep")", {"x"});
  EXPECT_TRUE(drop_slot(connection(), "pgkeep"));
  server_refuses(R"(DROP_REPLICATION_SLOT "pgkeep")", "42704");
  EXPECT_FALSE(drop_slot(connection(), "pgkeep"));
  server_refuses(R"(DROP_REPLICATION_SLOT "pgkeep")", "55006");
  EXPECT_THROW(drop_slot(connection(), "pgkeep"), ServerError);
}

TEST_F(ReplicationTest, ReadsASlot) {
  server_answers(kRead, {"physical", "0/3000000", "3"});
  const auto slot = read_slot(connection(), "pgkeep", settings(), {});
  EXPECT_EQ(slot->restart_lsn, Lsn(0x300'0000));
  EXPECT_EQ(slot->timeline, TimelineId(3));
}

TEST_F(ReplicationTest, KnowsASlotThatReservesNothing) {
  server_answers(kRead, {"physical", std::nullopt, std::nullopt});
  const auto slot = read_slot(connection(), "pgkeep", settings(), {});
  EXPECT_FALSE(slot->restart_lsn || slot->timeline);
}

TEST_F(ReplicationTest, FindsNoSlot) {
  server_answers(kRead, {std::nullopt, std::nullopt, std::nullopt});
  EXPECT_FALSE(read_slot(connection(), "pgkeep", settings(), {}));
}

/// A role's physical connection to 14, and the SQL session that tells of its slot.
std::optional<SlotView> read_on_14(const std::string& slot_type) {
  FakeServer sql([&](FakeSession& session) {
    EXPECT_EQ(session.read_startup().at("replication"), "false");
    session.welcome("14.12");
    session.read_query();
    session.answer({"set_config"}, {{""}});
    EXPECT_THAT(session.read_query(), HasSubstr("pg_replication_slots"));
    std::vector<FakeSession::Cell> row(16);
    row[0] = slot_type;
    row[1] = "0/3000000";
    row[2] = "extended";
    row[3] = "f";
    session.answer(std::vector<std::string>(row.size(), "column"), {row});
    session.wait_for_hangup();
  });
  FakeServer physical([](FakeSession& session) {
    session.read_startup();
    session.welcome("14.12");
    session.wait_for_hangup();
  });
  auto connection = Connection::open({physical.conninfo()}, ConnectionKind::physical, {});
  return read_slot(connection, "pgkeep", {sql.conninfo()}, {});
}

TEST(ReplicationBefore15Test, ReadsASlotBySql) {
  const auto slot = read_on_14("physical");
  EXPECT_EQ(slot->restart_lsn, Lsn(0x300'0000));
  EXPECT_EQ(slot->timeline, std::nullopt);
  EXPECT_TRUE(slot->is(WalStatus::extended));
}

TEST(ReplicationBefore15Test, RefusesALogicalSlot) {
  EXPECT_THROW(read_on_14("logical"), Refused);
}

TEST(SlotNameTest, IsLowerCaseAndShort) {
  EXPECT_NO_THROW(check_slot_name("pgkeep_01"));
  EXPECT_NO_THROW(check_slot_name(std::string(63, 'a')));
  for (const auto& name : {std::string(), std::string(64, 'a'), std::string("Pgkeep"), std::string("a-b"),
                           std::string("a\"; DROP"), std::string("ä")}) {
    EXPECT_THROW(check_slot_name(name), UsageError) << name;
  }
}

TEST(QuotingTest, DoublesTheMark) {
  EXPECT_EQ(quote_identifier(R"(a"b)"), R"("a""b")");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal(R"(back\slash)"), R"('back\slash')");
}

}  // namespace
}  // namespace pgkeep::streaming
