#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/lock.h"
#include "catalog/records/stream_state.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Segments 5, 6 and 8 are archived; what is pushed waits.
class AdoptWalTest : public CommandTest {
 protected:
  AdoptWalTest() { store_a_little(); }
  Said adopt(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"adopt-wal", "main"};
    words.insert(words.end(), more.begin(), more.end());
    return run_line(words);
  }
};

TEST_F(AdoptWalTest, TakesUpToTheNamedSegmentAndLeavesTheRest) {
  for (const std::uint64_t number : {9, 10, 11}) push({test::kOne, number});
  EXPECT_THAT(adopt({segment(10)}).results,
              HasSubstr("main: 2 segments, " + segment(9) + " to " + segment(10) + " taken"));
  EXPECT_TRUE(archive_.has({test::kOne, 10}));
  EXPECT_THAT(waiting(), ElementsAre(segment(11)));
}

TEST_F(AdoptWalTest, RecordsTheOperatorsWordAsAnEvent) {
  push({test::kOne, 9});
  adopt();
  const auto event = catalog::EventJournal(layout_).read().back();
  EXPECT_EQ(event.kind, catalog::EventKind::adopted);
  EXPECT_THAT(event.cause, HasSubstr("an operator decided so (`pgkeep adopt-wal`)"));
  EXPECT_EQ(event.range->begin, postgres::Lsn(0x900000));
}

TEST_F(AdoptWalTest, RefusesASegmentThatDoesNotContinueWhatIsHeld) {
  push({test::kOne, 10});
  for (const auto& words : {std::vector<std::string>{}, {segment(10)}}) {
    EXPECT_EQ(adopt(words).exit, Exit::refused);
    EXPECT_THAT(waiting(), ElementsAre(segment(10)));
  }
  EXPECT_EQ(adopt({segment(11)}).exit, Exit::refused) << "it does not wait";
}

TEST_F(AdoptWalTest, DoesNotChangeAnArchivedSegmentThatIsSound) {
  const auto said = adopt({segment(6)});
  EXPECT_EQ(said.exit, Exit::refused);
  EXPECT_THAT(said.talk, AllOf(HasSubstr("is archived, and nothing was changed"),
                               HasSubstr("`pgkeep verify-wal main`")));
}

TEST_F(AdoptWalTest, LeavesWhatTheStreamBringsToTheStream) {
  push({test::kOne, 9});
  catalog::StreamState state;
  state.phase = catalog::StreamPhase::streaming;
  catalog::write_stream_state(layout_, state);
  {
    const auto receiving = io::FileLock::acquire(layout_.receiver_lock(), "serve");
    EXPECT_EQ(adopt().exit, Exit::busy);
    EXPECT_EQ(adopt({"--dry-run"}).exit, Exit::ok) << "one may look";
    EXPECT_THAT(waiting(), ElementsAre(segment(9)));
  }
  EXPECT_EQ(adopt().exit, Exit::ok) << "nobody receives any more";
  EXPECT_THAT(waiting(), IsEmpty());
}

TEST_F(AdoptWalTest, PutsACopyInThePlaceOfADamagedSegment) {
  damage_archived({test::kOne, 6});
  ASSERT_EQ(run_line({"verify-wal", "main"}).exit, Exit::failed);
  const auto copy = directory_ / "copy";
  io::write_file_durably(copy, test::sample_wal({test::kOne, 6}));
  run_line({"put-wal", "main", segment(6), "--no-checksum", "--file", copy});
  const auto json = document({"adopt-wal", "main", segment(6)}).at("data");
  EXPECT_EQ(json.at("replaced").size(), 1u);
  EXPECT_EQ(json.at("segments"), Json::array());
  EXPECT_EQ(run_line({"verify-wal", "main"}).exit, Exit::ok);
  EXPECT_THAT(files(), testing::Contains(segment(6) + ".damaged.1")) << "nothing is deleted";
}

TEST_F(AdoptWalTest, PushedWalTellsWhatAdoptWalWouldTake) {
  push({test::kOne, 9});
  push({test::kOne, 12});
  const auto list = document({"pushed-wal", "main"}).at("data");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].at("continues_what_is_held"), true);
  EXPECT_EQ(list[1].at("continues_what_is_held"), false);
  EXPECT_EQ(document({"pushed-wal", "main", segment(12)}).at("data").size(), 1u);
}

TEST_F(AdoptWalTest, PushedWalDeletesTheCopyOfThatId) {
  push({test::kOne, 9});
  push({test::kOne, 9}, 1);
  const auto list = document({"pushed-wal", "main"}).at("data");
  ASSERT_EQ(list.size(), 2u);
  const auto wrong = list[0].at("id").get<std::string>();
  EXPECT_EQ(run_line({"pushed-wal", "main", wrong, "--delete"}).exit, Exit::ok);
  const auto left = document({"pushed-wal", "main"}).at("data");
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].at("id"), list[1].at("id"));
}

TEST_F(AdoptWalTest, PushedWalSaysThatNothingWaits) {
  EXPECT_THAT(run_line({"pushed-wal", "main"}).talk, HasSubstr("main: no WAL that was pushed waits"));
  EXPECT_THAT(run_line({"pushed-wal", "main", segment(9)}).talk, HasSubstr("as " + segment(9) + " waits"));
}

TEST_F(AdoptWalTest, ListWalTellsWhatWaits) {
  push({test::kOne, 9});
  EXPECT_THAT(run_line({"list-wal", "main"}).results, HasSubstr("pushed, and not proved: 1 file"));
  EXPECT_EQ(document({"list-wal", "main"}).at("data").at(0).at("waiting").at("files"), 1);
}

}  // namespace
}  // namespace pgkeep::server
