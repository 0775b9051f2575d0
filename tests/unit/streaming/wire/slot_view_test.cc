#include "streaming/wire/slot_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/fake_server.h"

namespace pgkeep::streaming {
namespace {

using postgres::Lsn;
using test::FakeServer;
using test::FakeSession;
using testing::HasSubstr;
using testing::Not;

using Row = std::vector<FakeSession::Cell>;

/// A slot in use, as 18 shows it.
Row used_slot() {
  return {"physical", "0/3000000", "extended", "t",         "4711",      "1000",  std::nullopt, "0/3000400",
          "4711",     "streaming", "sync",     "0/3000400", "0/3000300", "0.004", "pgkeep",     "10.0.0.7"};
}

std::optional<SlotView> ask(const std::vector<Row>& rows, std::string* asked = nullptr,
                            const std::string& version = "18.1") {
  FakeServer server([&](FakeSession& session) {
    session.read_startup();
    session.welcome(version);
    session.read_query();
    session.answer({"set_config"}, {{""}});
    const auto query = session.read_query();
    if (asked != nullptr) *asked = query;
    session.answer(std::vector<std::string>(used_slot().size(), "column"), rows);
    session.wait_for_hangup();
  });
  auto sql = Connection::open({server.conninfo()}, ConnectionKind::sql, {});
  return ask_slot(sql, "pgkeep");
}

TEST(SlotViewTest, IsAllThatTheServerSaysOfASlot) {
  const auto slot = ask({used_slot()});
  ASSERT_TRUE(slot);
  EXPECT_TRUE(slot->physical);
  EXPECT_TRUE(slot->active);
  EXPECT_TRUE(slot->is(WalStatus::extended));
  EXPECT_EQ(slot->restart_lsn, Lsn(0x300'0000));
  EXPECT_EQ(slot->retained_bytes, 0x400u);
  EXPECT_EQ(slot->safe_wal_bytes, 1000u);
  ASSERT_TRUE(slot->user);
  EXPECT_EQ(slot->user->sync_state, "sync");
  EXPECT_EQ(slot->user->flush_lsn, Lsn(0x300'0300));
  EXPECT_EQ(slot->user->address, "10.0.0.7");
}

TEST(SlotViewTest, IsNothingWithoutASlot) {
  EXPECT_FALSE(ask({}));
}

TEST(SlotViewTest, HasNoUserWhileNobodyStreams) {
  Row row(used_slot().size());
  row[0] = "physical";
  row[3] = "f";
  const auto slot = ask({row});
  EXPECT_TRUE(slot->is(WalStatus::none));
  EXPECT_FALSE(slot->user || slot->restart_lsn || slot->retained_bytes || slot->safe_wal_bytes);
}

TEST(SlotViewTest, HasNothingLeftOnceItsLimitIsPassed) {
  auto row = used_slot();
  row[5] = "-4096";
  EXPECT_EQ(ask({row})->safe_wal_bytes, 0u);
}

TEST(SlotViewTest, SaysThatItsUserIsHiddenFromTheRole) {
  auto row = used_slot();
  for (const auto hidden : {9, 10, 11, 12, 13, 14, 15}) row[hidden] = std::nullopt;
  EXPECT_THAT(ask({row})->user->state, HasSubstr("GRANT pg_monitor"));
}

TEST(SlotViewTest, RefusesAStatusThatPostgresqlDoesNotHave) {
  auto row = used_slot();
  row[2] = "kept";
  EXPECT_THROW(ask({row}), ProtocolError);
}

TEST(SlotViewTest, AsksForTheReasonOfALossWhereThereIsOne) {
  std::string asked;
  ask({}, &asked, "16.4");
  EXPECT_THAT(asked, Not(HasSubstr("invalidation_reason")));
  ask({}, &asked, "17.0");
  EXPECT_THAT(asked, HasSubstr("invalidation_reason"));
}

}  // namespace
}  // namespace pgkeep::streaming
