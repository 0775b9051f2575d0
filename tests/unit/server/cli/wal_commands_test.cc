#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "catalog/records/run_journal.h"
#include "server/cli/adopt_wal.h"
#include "server/cli/get_wal.h"
#include "server/cli/new_line.h"
#include "server/cli/pushed_wal.h"
#include "server/cli/put_wal.h"
#include "server/cli/rebuild_catalog.h"
#include "server/cli/verify_wal.h"
#include "server/cli/wal_conflicts.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::ThrowsMessage;

template <typename Arguments>
Arguments of_main() {
  Arguments arguments;
  arguments.server = "main";
  return arguments;
}

class WalCommandsTest : public CommandTest {
 protected:
  WalCommandsTest() { store_a_little(); }

  PutWalArguments pushing(std::uint64_t number, std::uint8_t salt = 0) {
    auto arguments = of_main<PutWalArguments>();
    const auto wal = test::sample_wal({test::kOne, number}, salt);
    io::write_file_durably(directory_ / "pushed", wal);
    arguments.name = segment(number);
    arguments.sha256 = sha256_of(wal);
    arguments.file = directory_ / "pushed";
    return arguments;
  }
  std::string outcome(const PutWalArguments& arguments) {
    return data(run_put_wal, arguments).at("outcome").get<std::string>();
  }
  WalConflictsArguments conflicts(std::optional<WalConflictsArguments::Keep> keep = {}) const {
    auto arguments = of_main<WalConflictsArguments>();
    arguments.name = segment(5);
    arguments.keep = keep;
    return arguments;
  }
  void make_conflict() { EXPECT_THROW(run(run_put_wal, pushing(5, 1)), Refused); }
};

TEST_F(WalCommandsTest, PutWalTakesWhatFillsAGapAndLetsTheRestWait) {
  EXPECT_EQ(outcome(pushing(7)), "stored");
  EXPECT_EQ(outcome(pushing(7)), "had_it");
  EXPECT_EQ(outcome(pushing(9)), "waiting");
  EXPECT_EQ(run(run_put_wal, pushing(8)).results, "");
}

TEST_F(WalCommandsTest, PutWalNeedsAChecksumOrTheWordThatThereIsNone) {
  auto arguments = pushing(7);
  arguments.no_checksum = true;
  EXPECT_THROW(run(run_put_wal, arguments), UsageError);
  arguments.sha256.reset();
  EXPECT_EQ(outcome(arguments), "stored");
  arguments.no_checksum = false;
  EXPECT_THROW(run(run_put_wal, arguments), UsageError);
  arguments.name.reset();
  EXPECT_THAT([&] { run(run_put_wal, arguments); }, ThrowsMessage<UsageError>(HasSubstr("NAME is missing")));
}

TEST_F(WalCommandsTest, PutWalOfAForcedCommandTakesTheRestFromSsh) {
  auto arguments = of_main<PutWalArguments>();
  arguments.from_ssh = true;
  const auto forced = [&](const std::string& line) {
    ::setenv("SSH_ORIGINAL_COMMAND", line.c_str(), 1);
    EXPECT_THROW(run(run_put_wal, arguments), UsageError) << line;
    ::unsetenv("SSH_ORIGINAL_COMMAND");
  };
  forced("rm -rf /");
  arguments.no_checksum = true;
  forced("pgkeep put-wal main " + segment(7));
}

TEST_F(WalCommandsTest, GetWalPutsASegmentIntoAFileOrSaysThatItIsNotThere) {
  auto arguments = of_main<GetWalArguments>();
  arguments.name = segment(6);
  arguments.file = directory_ / "wanted";
  EXPECT_EQ(run(run_get_wal, arguments).exit, Exit::ok);
  EXPECT_EQ(io::read_whole_file(*arguments.file, 2 * test::kSampleSegmentBytes),
            test::sample_wal({test::kOne, 6}));
  arguments.file = directory_ / "missing";
  arguments.name = segment(7);
  EXPECT_THROW(run(run_get_wal, arguments), Error) << "the archive goes on after it";
  arguments.name = segment(9);
  const auto said = run(run_get_wal, arguments);
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.talk, HasSubstr("not in the archive of main"));
  EXPECT_FALSE(std::filesystem::exists(*arguments.file));
}

TEST_F(WalCommandsTest, PushedWalListsWhatWaitsAndDeletesWhatIsNamed) {
  run(run_put_wal, pushing(9));
  const auto list = data(run_pushed_wal, of_main<PushedWalArguments>());
  ASSERT_EQ(list.size(), 1u);
  std::string keys;
  for (const auto& [key, value] : list[0].items()) keys += key + " ";
  EXPECT_EQ(keys, "name id timeline begin_lsn end_lsn stored_bytes since continues_what_is_held ");
  EXPECT_EQ(list[0].at("name"), segment(9));
  EXPECT_EQ(list[0].at("begin_lsn"), "0/900000");
  EXPECT_EQ(list[0].at("continues_what_is_held"), true);

  auto arguments = of_main<PushedWalArguments>();
  arguments.is_delete = true;
  EXPECT_THROW(run(run_pushed_wal, arguments), UsageError) << "what is to be deleted has to be named";
  arguments.name = segment(10);
  EXPECT_THROW(run(run_pushed_wal, arguments), NotFound);
  arguments.name = "all";
  EXPECT_THAT(run(run_pushed_wal, arguments).results, HasSubstr("main: 1 waiting file deleted"));
  EXPECT_EQ(data(run_pushed_wal, of_main<PushedWalArguments>()), Json::array());
}

TEST_F(WalCommandsTest, AdoptWalOnlySaysWhatItWouldTakeInADryRun) {
  run(run_put_wal, pushing(9));
  auto arguments = of_main<AdoptWalArguments>();
  arguments.dry_run = true;
  EXPECT_THAT(run(run_adopt_wal, arguments).results, HasSubstr("would be taken into the archive"));
  EXPECT_EQ(waiting().size(), 1u);
  arguments.dry_run = false;
  const auto json = data(run_adopt_wal, arguments);
  EXPECT_EQ(json.at("taken"), true);
  EXPECT_EQ(json.at("segments").size(), 1u);
  EXPECT_EQ(json.at("replaced"), Json::array());
  EXPECT_EQ(json.at("left"), nullptr);
  EXPECT_EQ(waiting().size(), 0u);
  EXPECT_EQ(catalog::RunJournal(layout_).read().back().kind, "adopt-wal");
}

TEST_F(WalCommandsTest, AdoptWalRefusesWhatIsNoSegment) {
  auto arguments = of_main<AdoptWalArguments>();
  arguments.name = "latest";
  EXPECT_THAT([&] { run(run_adopt_wal, arguments); },
              ThrowsMessage<UsageError>(HasSubstr("'latest' is no name of a WAL segment")));
  arguments.name.reset();
  EXPECT_THROW(run(run_adopt_wal, arguments), Refused) << "nothing waits";
}

TEST_F(WalCommandsTest, WalConflictsShowsWhereThePushedFileDiffers) {
  make_conflict();
  const auto list = data(run_wal_conflicts, conflicts());
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].at("name"), segment(5));
  EXPECT_EQ(list[0].at("settled"), false);
  EXPECT_EQ(list[0].at("has_stored"), true);
  EXPECT_THAT(list[0].at("differs_at_lsn").get<std::string>(), testing::StartsWith("0/5000"));
  EXPECT_EQ(list[0].at("pushed").dump(),
            R"({"timeline":1,"address":"0/500000","system_identifier":"7400000000000000001"})");
  EXPECT_THAT(run(run_wal_conflicts, conflicts()).results, HasSubstr("to be settled"));
}

TEST_F(WalCommandsTest, WalConflictsSettlesForOneOfTheTwo) {
  make_conflict();
  using Keep = WalConflictsArguments::Keep;
  EXPECT_EQ(data(run_wal_conflicts, conflicts(Keep::stored)).dump(),
            Json({{"server", "main"}, {"name", segment(5)}, {"kept", "stored"}}).dump());
  EXPECT_EQ(outcome(pushing(5, 1)), "settled");
  EXPECT_THROW(run(run_wal_conflicts, conflicts(Keep::pushed)), NotFound) << "it is settled";
  auto all = conflicts(Keep::stored);
  all.name.reset();
  EXPECT_THROW(run(run_wal_conflicts, all), UsageError) << "one file has to be named";
}

TEST_F(WalCommandsTest, VerifyWalEndsWellOrNamesTheDamage) {
  const auto good = data(run_verify_wal, of_main<VerifyWalArguments>());
  EXPECT_EQ(good.at("lines").at(0).at("line"), nullptr);
  EXPECT_EQ(good.at("lines").at(0).at("good"), true);
  EXPECT_EQ(good.at("lines").at(0).at("segments"), 3);
  damage_archived({test::kOne, 6});
  const auto said = run(run_verify_wal, of_main<VerifyWalArguments>());
  EXPECT_EQ(said.exit, Exit::failed);
  EXPECT_THAT(said.results, AllOf(HasSubstr("the WAL of main is DAMAGED"), HasSubstr(segment(6))));
  EXPECT_EQ(catalog::RunJournal(layout_).read().back().outcome, catalog::RunOutcome::failed);
}

TEST_F(WalCommandsTest, RebuildCatalogCountsWhatItFound) {
  EXPECT_EQ(data(run_rebuild_catalog, SomeServers{{"main"}}).dump(),
            R"([{"server":"main","backups":1,"wal_segments":3,"runs":0}])");
  EXPECT_THROW(run(run_rebuild_catalog, SomeServers{{"spare"}}), NotFound);
}

TEST_F(WalCommandsTest, NewLineIsForAServerInService) {
  EXPECT_THROW(run(run_new_line, of_main<NewLineArguments>()), UsageError);
}

}  // namespace
}  // namespace pgkeep::server
