#include "recover/plan/replay_notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "tests/support/plan_fixture.h"

namespace pgkeep::recover {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;

class ReplayNotesTest : public testing::Test {
 protected:
  ReplayNotesTest() {
    repository_.backup(4, 5, 10).wal(4, 9);
    repository_.facts.backups.front().tablespaces = {{16385, "fast", "/srv/fast"}};
    known_later_.push_back(repository_.facts.backups.front());
  }
  RecoveryPlan plan(const ReplayNotes& notes, const std::map<std::string, std::string>& relocations = {}) {
    auto wanted = request(target_);
    wanted.tablespaces = relocations;
    auto result = make_plan(wanted, repository_.facts);
    add_replay_notes(notes, known_later_, result);
    return result;
  }
  static postgres::TablespaceChange created(std::uint32_t oid, const std::string& path) {
    return {.begin = lsn("0/700000"), .oid = oid, .path = path};
  }

  RecoveryTarget target_;
  Repository repository_;
  std::vector<store::BackupRecord> known_later_ = [] {
    store::BackupRecord record(id_of(20));
    record.tablespaces = {{16400, "late", "/srv/late"}};
    return std::vector{record};
  }();
};

TEST_F(ReplayNotesTest, ListATablespaceThatReplayCreates) {
  const auto result = plan({.tablespaces = {created(16400, "/srv/late/"), created(16401, "/srv/other")}});
  ASSERT_THAT(result.created_tablespaces, SizeIs(2));
  EXPECT_EQ(result.created_tablespaces[0].location, "/srv/late");
  EXPECT_THAT(result.describe(),
              AllOf(HasSubstr("late (16400): created by replay in /srv/late (at 0/700000)"),
                    HasSubstr("16401: created by replay in /srv/other")));
}

TEST_F(ReplayNotesTest, LeaveOutWhatIsDroppedOrInTheDataDirectory) {
  const auto result =
      plan({.tablespaces = {created(16400, ""), {.begin = lsn("0/700000"), .oid = 16385, .path = {}}}});
  EXPECT_THAT(result.created_tablespaces, IsEmpty());
}

TEST_F(ReplayNotesTest, RefuseToLeadACreatedTablespaceElsewhere) {
  const ReplayNotes notes{.tablespaces = {created(16385, "/srv/fast")}};
  // It is in the backup and in the WAL after its start: replay would put the link back.
  EXPECT_THAT(
      [&] {
        plan(notes, {{"fast", "/new"}});
      },
      ThrowsMessage<Refused>(AllOf(HasSubstr("fast (16385) cannot go elsewhere"),
                                   HasSubstr("--target-lsn 0/700000 --exclusive"))));
  EXPECT_THAT(plan(notes).created_tablespaces, IsEmpty());
}

TEST_F(ReplayNotesTest, SaysOfALaterTablespaceThatItCannotGoElsewhere) {
  EXPECT_THAT(
      [&] {
        plan({}, {{"16400", "/new"}});
      },
      ThrowsMessage<UsageError>(HasSubstr("created later cannot go elsewhere")));
}

TEST_F(ReplayNotesTest, DemandTheLargestCapacityOnTheWay) {
  const auto result =
      plan({.parameters = {{.begin = lsn("0/700000"), .max_connections = 150, .max_wal_senders = 5},
                           {.begin = lsn("0/800000"), .max_connections = 20, .max_wal_senders = 7}}});
  EXPECT_EQ(result.least.of("max_connections"), 150);
  EXPECT_EQ(result.least.of("max_wal_senders"), 7);
  EXPECT_EQ(result.least.of("max_locks_per_transaction"), 0);
}

TEST_F(ReplayNotesTest, PlaceWalUpToARestorePoint) {
  target_ = {.where = TargetName{"before"}};
  EXPECT_EQ(wal_of(plan({.stop = lsn("0/6FFFF0")})), "1:4 1:5 1:6 1:7");
}

TEST_F(ReplayNotesTest, RefuseARestorePointThatReplayDoesNotComeTo) {
  target_ = {.where = TargetName{"before"}};
  const auto refused = [this](const ReplayNotes& notes, const std::string& why) {
    EXPECT_THAT([&] { plan(notes); }, ThrowsMessage<Refused>(HasSubstr(why))) << why;
  };
  refused({}, "no restore point 'before'");
  refused({.stop = lsn("0/500000")}, "choose an older backup");
  refused({.elsewhere = {{postgres::TimelineId(1), lsn("0/300000")}}}, "choose an older backup");
  refused({.elsewhere = {{postgres::TimelineId(3), lsn("0/700000")}}}, "--target-tli 3");
  EXPECT_NO_THROW(plan({.unread = {"000000010000000000000007"}}));
}

TEST_F(ReplayNotesTest, RefuseATransactionThatReplayDoesNotComeTo) {
  target_ = {.where = TargetXid{"754"}};
  EXPECT_EQ(wal_of(plan({.stop = lsn("0/6FFFF0")})), "1:4 1:5 1:6 1:7");
  EXPECT_THAT([this] { plan({}); }, ThrowsMessage<Refused>(HasSubstr("no transaction 754")));
  EXPECT_THAT(
      [this] {
        plan({.elsewhere = {{postgres::TimelineId(3), lsn("0/700000")}}});
      },
      ThrowsMessage<Refused>(HasSubstr("--target-tli 3")));
  EXPECT_NO_THROW(plan({.may_be_prepared = true}));
}

TEST_F(ReplayNotesTest, SayWhichSegmentsCouldNotBeRead) {
  EXPECT_THAT(plan({.unread = {"000000010000000000000007"}}).remarks,
              Contains(HasSubstr("000000010000000000000007")));
}

TEST_F(ReplayNotesTest, OfAnUnknownVersionOneRemarkSaysWhatIsNotKnown) {
  repository_.facts.backups.front().major_version = 99;
  target_.where = TargetXid{"750"};  // may be there all the same
  EXPECT_THAT(
      plan({.formats_known = false}).remarks,
      Contains(AllOf(HasSubstr("PostgreSQL 99 is newer than this pgkeep"), HasSubstr("max_connections"))));
}

}  // namespace
}  // namespace pgkeep::recover
