#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/disk_space.h"
#include "catalog/io/error.h"
#include "catalog/io/lock.h"
#include "server/cli/list_backups.h"
#include "server/cli/list_servers.h"
#include "server/cli/list_wal.h"
#include "server/cli/show_backup.h"
#include "server/cli/show_server.h"
#include "server/cli/status.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// What is shown of a server of which a little is stored. The documents are compared with their keys in
/// order: programs read them.
class ListingsTest : public CommandTest {
 protected:
  ListingsTest() { store_a_little(); }
  std::uint64_t stored_bytes(std::uint64_t number) const {
    return std::filesystem::file_size(layout_.archived({test::kOne, number}, size_));
  }
  static AnyServers servers(std::vector<std::string> names) { return {std::move(names)}; }
  static OneBackup backup(const std::string& wanted) {
    OneBackup arguments;
    arguments.server = "main";
    arguments.backup = wanted;
    return arguments;
  }
};

TEST_F(ListingsTest, ListServersShowsEachWithoutItsPassword) {
  EXPECT_EQ(data(run_list_servers, {}), Json::parse(R"([
    {"name": "main", "description": "orders", "active": false, "conninfo": "user=pgkeep host=nowhere"},
    {"name": "spare", "description": "", "active": true, "conninfo": "host=elsewhere"}])"));
  EXPECT_THAT(run(run_list_servers, {}).results, AllOf(HasSubstr("inactive"), Not(HasSubstr("secret"))));
  EXPECT_EQ(run(run_list_servers, {.minimal = true}).results, "main\nspare\n");
}

TEST_F(ListingsTest, ListBackupsTellsWhatEachIsAndWhereItsWalEnds) {
  const auto list = data(run_list_backups, {});
  ASSERT_EQ(list.size(), 1u);
  auto expected = Json::parse(R"({
    "id": "20261120T020000Z", "server": "main", "label": "weekly",
    "started": "2026-11-20T02:00:00Z", "ended": "2026-11-20T02:00:01.500000Z", "duration_seconds": 1.5,
    "server_version": "18.6", "formats_known": true, "system_identifier": "7400000000000000001",
    "timeline": 1, "begin_lsn": "0/500028", "end_lsn": "0/580000",
    "begin_wal": "000000010000000000000005", "end_wal": "000000010000000000000005",
    "from_standby": false, "data_checksums": false, "checksums_verified": false, "checksum_failures": 0,
    "damaged_files": [],
    "data_bytes": 3145728, "file_count": 3, "stored_bytes": 5600,
    "cost": {"full_objects": 1, "delta_objects": 2, "reused_pieces": 3, "zero_pieces": 4,
             "pack_bytes": 5000, "metadata_bytes": 600},
    "compared_with": null,
    "tablespaces": [{"oid": 16400, "name": "fast", "location": "/srv/fast"}],
    "configuration_outside": {"config_file": "/etc/postgresql.conf"},
    "wal_ranges": [{"timeline": 1, "start_lsn": "0/500028", "end_lsn": "0/580000"}],
    "notices": [], "status": "DONE", "frees_bytes": null, "wal_bytes_to_next": 0, "wal_hole_lsn": "0/700000", "consistent_only": false, "line": null,
    "retention": {"expired": null, "keep": null, "damaged": null, "note": "", "name": null}})");
  expected["wal_bytes_to_next"] = stored_bytes(5) + stored_bytes(6) + stored_bytes(8);
  EXPECT_EQ(list[0].dump(2), expected.dump(2));
  EXPECT_THAT(run(run_list_backups, {}).results, HasSubstr("WAL ends at 0/700000 (gap); weekly"));
  ListBackupsArguments minimal;
  minimal.minimal = true;
  EXPECT_EQ(run(run_list_backups, minimal).results, "20261120T020000Z\n");
}

TEST_F(ListingsTest, ListBackupsReadsNoWalForIdsAlone) {
  io::write_file_durably(layout_.identity(), io::as_bytes("no identity"));
  EXPECT_EQ(run_line({"list-backups", "--minimal"}).results, "20261120T020000Z\n");
}

TEST_F(ListingsTest, ShowBackupIsChosenByTheBeginningOfItsId) {
  const auto json = data(run_show_backup, backup("202611"));
  EXPECT_EQ(json.at("id"), "20261120T020000Z");
  EXPECT_EQ(json.at("wal_complete"), true);
  EXPECT_EQ(json.at("line"), nullptr);
  EXPECT_THAT(run(run_show_backup, backup("latest")).results,
              AllOf(HasSubstr("config_file is /etc/postgresql.conf"), HasSubstr("16400 fast at /srv/fast"),
                    HasSubstr("all stored"), HasSubstr("ends at 0/700000 (gap)")));
  EXPECT_THROW(run(run_show_backup, backup("2025")), NotFound);
}

TEST_F(ListingsTest, ShowBackupSaysWhenItsWalIsNotThere) {
  commit_backup("20261121T020000Z", 0x680000, 0x780000);
  EXPECT_EQ(data(run_show_backup, backup("latest")).at("wal_complete"), false);
  EXPECT_THAT(run(run_show_backup, backup("latest")).results, HasSubstr("INCOMPLETE"));
}

TEST_F(ListingsTest, ListWalShowsStretchesGapsSegmentsAndEvents) {
  ListWalArguments arguments;
  arguments.servers = {"main", "spare"};
  arguments.segments = arguments.events = true;
  auto expected = Json::parse(R"([
    {"server": "main",
     "ranges": [{"timeline": 1, "begin_lsn": "0/500000", "end_lsn": "0/700000", "bytes": 2097152,
                 "segments": 2, "stored_bytes": 0},
                {"timeline": 1, "begin_lsn": "0/800000", "end_lsn": "0/900000", "bytes": 1048576,
                 "segments": 1, "stored_bytes": 0}],
     "joints": [],
     "gaps": [{"timeline": 1, "begin_lsn": "0/700000", "end_lsn": "0/800000", "bytes": 1048576,
               "lost": true, "event": null}],
     "removed": [], "waiting": {"files": 0, "stored_bytes": 0},
     "lines": [],
     "segments": [],
     "events": []},
    {"server": "spare", "ranges": [], "joints": [], "gaps": [], "removed": [], "waiting": {"files": 0, "stored_bytes": 0},
     "lines": []}])");
  const auto event = Json::parse(R"({"at": "2026-11-20T02:00:00Z", "kind": "gap",
    "cause": "the server had removed it", "range": {"timeline": 1, "begin_lsn": "0/700000",
    "end_lsn": "0/800000", "bytes": 1048576}})");
  auto& main = expected[0];
  main["ranges"][0]["stored_bytes"] = stored_bytes(5) + stored_bytes(6);
  main["ranges"][1]["stored_bytes"] = stored_bytes(8);
  main["gaps"][0]["event"] = event;
  main["events"].push_back(event);
  for (const std::uint64_t number : {5, 6, 8}) {
    main["segments"].push_back({{"name", segment(number)},
                                {"timeline", 1},
                                {"begin_lsn", fmt::format("0/{}00000", number)},
                                {"end_lsn", fmt::format("0/{}00000", number + 1)},
                                {"stored_bytes", stored_bytes(number)},
                                {"earliest_commit", nullptr},
                                {"latest_commit", nullptr}});
  }
  EXPECT_EQ(data(run_list_wal, arguments).dump(2), expected.dump(2));
  EXPECT_THAT(run(run_list_wal, arguments).results,
              AllOf(HasSubstr("Server main: WAL up to 0/900000 on timeline 1"),
                    HasSubstr("MISSING: 0/700000 to 0/800000 of timeline 1 (1 MiB); lost"),
                    HasSubstr("Server spare: nothing is stored yet")));
}

TEST_F(ListingsTest, ShowServerHidesThePasswordAndKnowsTheCluster) {
  const auto json = data(run_show_server, servers({"main"})).at(0);
  EXPECT_EQ(json.at("conninfo"), "user=pgkeep host=nowhere");
  EXPECT_EQ(json.at("folder"), layout_.root().native());
  EXPECT_EQ(json.at("identity").dump(),
            R"({"system_identifier":"7400000000000000001","major_version":18,"wal_segment_bytes":1048576,)"
            R"("block_bytes":8192})");
  EXPECT_EQ(json.at("stream").at("source"), "past");
  EXPECT_EQ(json.at("stream").at("flushed_lsn"), nullptr);
  EXPECT_EQ(data(run_show_server, servers({"spare"})).at(0).at("identity"), nullptr);
}

TEST_F(ListingsTest, TheDiskOfTheRepositoryIsShownWithItsForecast) {
  const auto space = data(run_show_server, servers({"main"})).at(0).at("space");
  const auto disk = io::disk_space(layout_.root());
  EXPECT_EQ(space.at("total_bytes"), disk.total);
  EXPECT_EQ(space.at("reserve_bytes"), (io::Reserve{5, true}).bytes_of(disk));
  EXPECT_EQ(space.at("days_until_full"), nullptr);
  EXPECT_EQ(data(run_status, servers({})).at(0).at("space").at("total_bytes"), disk.total);
  EXPECT_THAT(run(run_show_server, servers({"main"})).results, HasSubstr("are kept for WAL; how it fills is not known yet"));
  const auto fleet = run(run_status, servers({})).results;
  EXPECT_THAT(fleet, HasSubstr("are kept for WAL; how it fills is not known yet"));
}

TEST_F(ListingsTest, StatusOfTheFleetIsALineAServer) {
  const auto said = run(run_status, servers({}));
  EXPECT_THAT(said.results,
              AllOf(HasSubstr("main"), HasSubstr("inactive"), HasSubstr("spare"), HasSubstr("not running")));
  EXPECT_THAT(said.talk, HasSubstr("no daemon serves this repository"));
}

TEST_F(ListingsTest, StatusTellsWhatIsStoredAndWhatIsMissing) {
  const auto json = data(run_status, servers({})).at(0);
  EXPECT_EQ(json.at("server"), "main");
  EXPECT_EQ(json.at("backups").dump(),
            R"({"count":1,"oldest":"20261120T020000Z","latest":"20261120T020000Z",)"
            R"("latest_ended":"2026-11-20T02:00:01.500000Z"})");
  EXPECT_EQ(json.at("receiver"), nullptr);
  EXPECT_EQ(json.at("live"), nullptr);
  const auto& wal = json.at("wal");
  EXPECT_EQ(wal.at("segments"), 3);
  EXPECT_EQ(wal.at("last_segment"), segment(8));
  EXPECT_EQ(wal.at("partial"), nullptr);
  EXPECT_EQ(wal.at("received_lsn"), "0/900000");
  EXPECT_EQ(wal.at("received_timeline"), 1);
  EXPECT_EQ(wal.at("lag_bytes"), nullptr);
  EXPECT_EQ(wal.at("ranges").at(0).dump(), R"({"timeline":1,"begin_lsn":"0/500000","end_lsn":"0/700000"})");
  EXPECT_EQ(wal.at("gaps").dump(), R"([{"timeline":1,"begin_lsn":"0/700000","end_lsn":"0/800000",)"
                                   R"("lost":true,"cause":"the server had removed it"}])");
}

TEST_F(ListingsTest, ListBackupsShowsTheOneThatIsBeingTaken) {
  const auto lock = io::FileLock::acquire(layout_.writer_lock(), "backup");
  io::make_directories(layout_.backup(store::BackupId::parse("20261122T020000Z").value()));
  const auto list = document({"list-backups"}).at("data");
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1].at("id"), "20261122T020000Z");
  EXPECT_EQ(list[1].at("status"), "STARTED");
  EXPECT_EQ(list[1].at("process"), ::getpid());
  EXPECT_EQ(run_line({"list-backups", "--minimal"}).results, "20261120T020000Z\n") << "it is none yet";
  EXPECT_THAT(run_line({"show-backup", "main", "20261122"}).results, HasSubstr("STARTED"));
}

TEST_F(ListingsTest, ListBackupsShowsNothingOfAnAttemptThatEnded) {
  io::make_directories(layout_.backup(store::BackupId::parse("20261122T020000Z").value()));
  EXPECT_EQ(document({"list-backups"}).at("data").size(), 1u);
}

TEST_F(ListingsTest, ListBackupsOfAServerWithoutAnyIsEmpty) {
  const auto said = run_line({"list-backups", "spare"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_EQ(said.results, "");
  EXPECT_EQ(document({"list-backups", "spare"}).at("data"), Json::array());
}

TEST_F(ListingsTest, ListWalTellsWhereOneTimelineContinuesAnother) {
  catalog::WalArchiveWriter(archive_).store_history(test::kTwo,
                                                    "1\t0/900000\tno recovery target specified\n");
  archived({test::kTwo, 9});
  EXPECT_EQ(document({"list-wal", "main"}).at("data").at(0).at("joints").dump(),
            R"([{"from":1,"to":2,"lsn":"0/900000"}])");
  EXPECT_THAT(run_line({"list-wal", "main"}).results,
              AllOf(HasSubstr("Server main: WAL up to 0/A00000 on timeline 2"),
                    HasSubstr("timeline 1 continues on timeline 2 at 0/900000")));
}

TEST_F(ListingsTest, ListWalSaysOfWalThatIsNotKnownToBeLostThatItMayStillCome) {
  archived({test::kOne, 10});
  const auto gap = document({"list-wal", "main"}).at("data").at(0).at("gaps").at(1);
  EXPECT_EQ(gap.at("begin_lsn"), "0/900000");
  EXPECT_EQ(gap.at("lost"), false);
  EXPECT_EQ(gap.at("event"), nullptr);
  EXPECT_THAT(run_line({"list-wal", "main"}).results,
              HasSubstr("MISSING: 0/900000 to 0/A00000 of timeline 1 (1 MiB); it may still come"));
}

TEST_F(ListingsTest, ListWalHasSegmentsAndEventsOnlyWhenAsked) {
  const auto json = document({"list-wal", "main"}).at("data").at(0);
  EXPECT_FALSE(json.contains("segments"));
  EXPECT_FALSE(json.contains("events"));
}

TEST_F(ListingsTest, ShowServerTellsSizesInBytesAndDurationsInSeconds) {
  configure(
      "  main:\n    conninfo: host=a\n    status_interval: 500ms\n    max_rate: 50MiB\n    "
      "create_slot: manual\n    checkpoint: spread\n    protect_primary: {retain_at_most: 20GiB}\n    "
      "retention: {redundancy: 3, recovery_window: 14d}\n    schedule: {backup: every 6h, spread: 2h}\n");
  const auto json = document({"show-server", "main"}).at("data").at(0);
  EXPECT_EQ(json.at("status_interval"), 0.5);
  EXPECT_EQ(json.at("max_rate"), 50 << 20);
  EXPECT_EQ(json.at("create_slot"), false);
  EXPECT_EQ(json.at("checkpoint"), "spread");
  EXPECT_EQ(json.at("protect_primary.retain_at_most"), std::uint64_t{20} << 30);
  EXPECT_EQ(json.at("retention.redundancy"), 3);
  EXPECT_EQ(json.at("retention.recovery_window"), 14 * 86400);
  EXPECT_EQ(json.at("schedule.backup"), "every 6h");
  EXPECT_EQ(json.at("schedule.spread"), 7200);
}

TEST_F(ListingsTest, ShowServerHasEveryKeyAlsoOfAServerOfWhichNothingIsStored) {
  const auto keys = [&](const char* server) {
    std::vector<std::string> names;
    const auto json = document({"show-server", server}).at("data").at(0);
    for (const auto& [key, value] : json.items()) names.push_back(key);
    for (const auto& [key, value] : json.at("stream").items()) names.push_back("stream." + key);
    return names;
  };
  EXPECT_EQ(keys("spare"), keys("main"));
}

TEST_F(ListingsTest, StatusOfOneServerSaysWhyItWasNotAsked) {
  const auto said = run_line({"status", "main"});
  EXPECT_EQ(said.exit, Exit::ok);
  EXPECT_THAT(said.results,
              AllOf(HasSubstr("Server main:"), HasSubstr("not reached: out of service (`active: false`)"),
                    HasSubstr("up to 0/900000 on timeline 1"),
                    HasSubstr("timeline 1: 0/700000 to 0/800000; the server had removed it")));
  const auto json = document({"status", "main"}).at("data").at(0);
  EXPECT_EQ(json.at("reachable"), false);
  EXPECT_EQ(json.at("connection_error"), "out of service (`active: false`)");
}

TEST_F(ListingsTest, StatusHasTheSameKeysForEveryServer) {
  const auto list = document({"status"}).at("data");
  std::vector<std::vector<std::string>> keys(2);
  for (std::size_t i = 0; i < 2; ++i)
    for (const auto& [key, value] : list.at(i).items()) keys[i].push_back(key);
  EXPECT_EQ(keys[0], keys[1]);
  EXPECT_EQ(list.at(1).at("wal"), nullptr) << "nothing is stored of it";
  EXPECT_EQ(list.at(1).at("backups").at("count"), 0);
}

TEST_F(ListingsTest, StatusTellsOfABackupWhoseRecordCannotBeRead) {
  io::write_file_durably(layout_.record(store::BackupId::parse("20261120T020000Z").value()),
                         io::as_bytes("{"));
  const auto json = document({"status"});
  EXPECT_EQ(json.at("data").at(0).at("backups").at("count"), 0);
  EXPECT_THAT(json.at("warnings").dump(), HasSubstr("20261120T020000Z"));
  EXPECT_THAT(run_line({"status"}).results, HasSubstr("unreadable"));
}

}  // namespace
}  // namespace pgkeep::server
