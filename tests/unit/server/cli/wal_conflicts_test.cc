#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/records/run_journal.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::HasSubstr;

/// Segment 5 was pushed with other bytes than are archived.
class WalConflictsTest : public CommandTest {
 protected:
  WalConflictsTest() {
    store_a_little();
    push_other(1);
  }
  void push_other(std::uint8_t salt) { EXPECT_THROW(push({test::kOne, 5}, salt), Refused); }
  Said keep(const std::string& which, const std::string& name) {
    return run_line({"wal-conflicts", "main", name, "--keep", which});
  }
  Json conflicts() { return document({"wal-conflicts", "main"}).at("data"); }
};

TEST_F(WalConflictsTest, ThePushedFileTakesThePlaceOfTheStoredOneWhichIsKeptAside) {
  EXPECT_EQ(keep("pushed", segment(5)).exit, Exit::ok);
  EXPECT_EQ(stored(segment(5)), test::sample_wal({test::kOne, 5}, 1));
  const auto left = conflicts();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].at("settled"), false);
  EXPECT_EQ(keep("pushed", segment(5)).exit, Exit::ok) << "the decision can be taken back";
  EXPECT_EQ(stored(segment(5)), test::sample_wal({test::kOne, 5}));
}

TEST_F(WalConflictsTest, SeveralFilesOfANameAreToldApartByTheirIds) {
  push_other(2);
  const auto said = keep("stored", segment(5));
  EXPECT_EQ(said.exit, Exit::usage);
  const auto id = conflicts().at(1).at("id").get<std::string>();
  EXPECT_THAT(said.talk, HasSubstr(id));
  EXPECT_EQ(keep("stored", id).exit, Exit::ok);
  EXPECT_EQ(keep("stored", segment(5)).exit, Exit::ok) << "one only is left to be settled";
}

TEST_F(WalConflictsTest, OneThatIsSettledIsListedWithoutItsCopy) {
  keep("stored", segment(5));
  const auto list = conflicts();
  std::string keys;
  for (const auto& [key, value] : list.at(0).items()) keys += key + " ";
  EXPECT_EQ(keys, "name id sha256 since settled ");
  EXPECT_THAT(run_line({"wal-conflicts", "main"}).results, HasSubstr("settled for the stored one"));
}

TEST_F(WalConflictsTest, TheDecisionIsRecordedAmongTheRuns) {
  keep("stored", segment(5));
  const auto run = catalog::RunJournal(layout_).read().back();
  EXPECT_EQ(run.kind, "wal-conflicts");
  EXPECT_THAT(run.subject, HasSubstr("keep stored"));
  EXPECT_EQ(run.outcome, catalog::RunOutcome::succeeded);
}

TEST_F(WalConflictsTest, StatusCountsThoseThatAreToBeSettled) {
  const auto count = [&] { return document({"status", "all"}).at("data").at(0).at("wal_conflicts"); };
  EXPECT_EQ(count(), 1);
  keep("stored", segment(5));
  EXPECT_EQ(count(), 0);
}

TEST_F(WalConflictsTest, SaysThatNothingDiffers) {
  EXPECT_THAT(run_line({"wal-conflicts", "main", segment(6)}).talk,
              HasSubstr("nothing that was pushed as " + segment(6) + " differs"));
}

}  // namespace
}  // namespace pgkeep::server
