#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/lock.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using DropSlotTest = CommandTest;

TEST_F(DropSlotTest, TakesAServerOrAConnectionWithASlot) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"drop-slot"},
        {"drop-slot", "--conninfo", "host=gone"},
        {"drop-slot", "--slot", "pgkeep"},
        {"drop-slot", "main", "--slot", "pgkeep"},
        {"drop-slot", "main", "--conninfo", "host=gone", "--slot", "pgkeep"}}) {
    const auto said = run_line(words);
    EXPECT_EQ(said.exit, Exit::usage);
    EXPECT_THAT(said.talk, HasSubstr("either a SERVER of the configuration, or --conninfo and --slot"));
  }
}

TEST_F(DropSlotTest, RefusesANameThatNoSlotHas) {
  EXPECT_EQ(run_line({"drop-slot", "--conninfo", "host=gone", "--slot", "Not-A-Slot"}).exit, Exit::usage);
}

TEST_F(DropSlotTest, DoesNotTakeTheSlotFromWhoReceivesAndSaysHowToEndThat) {
  for (const auto& [purpose, way_out] : {std::pair{"serve", "set `active: false` and `pgkeep reload` first"},
                                         {"receive-wal", "stop receive-wal first"},
                                         {"backup", "let it end first"}}) {
    const auto held = io::FileLock::acquire(layout_.receiver_lock(), purpose);
    const auto said = run_line({"drop-slot", "main"});
    EXPECT_EQ(said.exit, Exit::busy) << purpose;
    EXPECT_THAT(said.talk, AllOf(HasSubstr("slot pgkeep is in use"), HasSubstr(way_out)));
  }
}

}  // namespace
}  // namespace pgkeep::server
