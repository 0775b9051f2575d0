#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/wal/set_aside_line.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

/// Server `main` is in service, and nobody answers at its address.
class NewLineTest : public CommandTest {
 protected:
  NewLineTest() {
    configure("  main: {conninfo: 'host=127.0.0.1 port=1 user=pgkeep'}\n");
    store_a_little();
  }
  void server_rolled_back() {
    catalog::EventJournal(layout_).append(
        {kMorning, catalog::EventKind::rolled_back, "the server has other WAL from 0/880000 on",
         catalog::WalRange{test::kOne, postgres::Lsn(0x880000), postgres::Lsn(0x900000)}});
  }
};

TEST_F(NewLineTest, KeepRecordsTheDecisionWithTheReason) {
  server_rolled_back();
  const auto said = run_line({"new-line", "main", "--keep", "--reason", "it was a copy"});
  EXPECT_EQ(said.exit, Exit::ok);
  const auto event = catalog::EventJournal(layout_).read().back();
  EXPECT_EQ(event.kind, catalog::EventKind::line_kept);
  EXPECT_THAT(event.cause, AllOf(HasSubstr("it was a copy"), HasSubstr("other WAL from 0/880000")));
  EXPECT_EQ(event.range->begin, postgres::Lsn(0x880000));
}

TEST_F(NewLineTest, KeepHasADocumentWithoutALine) {
  server_rolled_back();
  EXPECT_EQ(document({"new-line", "main", "--keep"}).at("data").dump(),
            R"({"server":"main","line":null,"backups":[]})");
}

TEST_F(NewLineTest, KeepRefusesWhereThereIsNothingToDecide) {
  EXPECT_EQ(run_line({"new-line", "main", "--keep"}).exit, Exit::refused);
  server_rolled_back();
  EXPECT_EQ(run_line({"new-line", "main", "--keep"}).exit, Exit::ok);
  const auto said = run_line({"new-line", "main", "--keep"});
  EXPECT_EQ(said.exit, Exit::refused) << "it is decided";
  EXPECT_THAT(said.talk, HasSubstr("nothing to decide"));
}

TEST_F(NewLineTest, KeepAndNewClusterExcludeEachOther) {
  server_rolled_back();
  EXPECT_EQ(run_line({"new-line", "main", "--keep", "--new-cluster"}).exit, Exit::usage);
  EXPECT_EQ(catalog::EventJournal(layout_).read().back().kind, catalog::EventKind::rolled_back);
}

TEST_F(NewLineTest, SetsNothingAsideWhileTheServerDoesNotAnswer) {
  server_rolled_back();
  const auto said = run_line({"new-line", "main"});
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.talk, HasSubstr("127.0.0.1"));
  EXPECT_THAT(catalog::read_set_aside_lines(layout_), IsEmpty());
  EXPECT_TRUE(archive_.has({test::kOne, 8}));
}

}  // namespace
}  // namespace pgkeep::server
