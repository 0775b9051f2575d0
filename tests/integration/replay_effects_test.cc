// What replay does beside the data: tablespaces that it creates, settings that it demands, places where it
// stops.
#include <filesystem>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ReplayEffects : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }
};
PGKEEP_FOR_EACH_VERSION(ReplayEffects);

TEST_P(ReplayEffects, ATablespaceCreatedAfterTheBackupIsLeftToTheLiveServer) {
  auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  const auto daemon = host.serve(source);
  host.backup();
  const auto xid = source.value("CREATE TABLE kept AS SELECT 1 AS id; SELECT xmin FROM kept");
  const auto before = source.value("SELECT pg_current_wal_insert_lsn()");
  const auto time = source.value("SELECT clock_timestamp()");
  source.execute("CREATE TABLE not_yet ()");  // a time is reached at the next commit only
  const auto place = source.make_directory("late");
  source.execute("CREATE TABLESPACE late LOCATION '" + place.native() + "'");
  source.execute("CREATE TABLE t TABLESPACE late AS SELECT generate_series(1, 1000) AS id");
  wait_until_flushed(source);

  const auto refused = host.pgkeep({"recover", "main", "latest", host.scratch("beside")});
  EXPECT_EQ(refused.exit_code, 6) << refused.text();
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr(place.native() + ": not empty"), HasSubstr("replay creates tablespace")));
  const std::vector<std::vector<std::string>> earlier_targets = {{"--target-lsn", before, "--exclusive"},
                                                                 {"--target-lsn", before},
                                                                 {"--target-time", time},
                                                                 {"--target-xid", xid}};
  for (std::size_t i = 0; i < earlier_targets.size(); ++i) {
    auto options = earlier_targets[i];
    SCOPED_TRACE(options.at(0) + " " + options.at(1));
    options.insert(options.end(), {"--target-action", "promote"});
    auto earlier =
        PostgresCluster::adopt(GetParam(), host.recover("latest", "earlier" + std::to_string(i), options));
    earlier.start();
    earlier.wait_until_recovered();
    EXPECT_EQ(earlier.value("SELECT count(*) FROM kept"), "1");
  }
  EXPECT_EQ(source.value("SELECT count(*) FROM t"), "1000");

  source.lose();
  fs::create_directory(place);  // which root would not do by itself: the server chose it
  auto recovered = PostgresCluster::adopt(GetParam(), host.recover("latest", "recovered"));
  give_to_postgres(place);
  recovered.start();
  recovered.wait_until_recovered();
  EXPECT_EQ(recovered.value("SELECT count(*) FROM t"), "1000");
}

TEST_P(ReplayEffects, ACopyGetsTheRoomThatTheServerHadLater) {
  auto source =
      PostgresCluster::create(GetParam(), {.settings = {{"max_connections", "20"}, {"hot_standby", "off"}}});
  const BackupHost host(source);
  const auto daemon = host.serve(source);
  host.backup();
  source.append_to_conf("max_connections = 60");
  source.restart();
  source.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS id");
  source.value("SELECT pg_create_restore_point('here')");
  source.execute("DELETE FROM t");
  wait_until_streaming(source);
  wait_until_flushed(source);
  const auto unknown =
      host.pgkeep({"recover", "main", "latest", host.scratch("nowhere"), "--target-name", "elsewhere"});
  EXPECT_EQ(unknown.exit_code, 6) << unknown.text();
  auto paused =
      PostgresCluster::adopt(GetParam(), host.recover("latest", "paused", {"--target-name", "here"}));
  paused.start();
  EXPECT_EQ(paused.value("SELECT count(*) FROM t"), "1000");
  EXPECT_EQ(paused.value("SELECT pg_is_in_recovery()"), "t");
  paused.execute("SELECT pg_wal_replay_resume()");
  paused.wait_until_recovered();
  EXPECT_EQ(paused.value("SHOW max_connections"), "60");
}

}  // namespace
}  // namespace pgkeep::test
