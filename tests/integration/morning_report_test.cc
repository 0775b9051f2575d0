// The report of the morning tells a server that is away from those that are well.
#include <csignal>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class MorningReport : public ::testing::Test {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(18); }
};

TEST_F(MorningReport, NamesTheServerThatIsAwayAndNoOther) {
  const auto orders = PostgresCluster::create(18);
  auto wiki = PostgresCluster::create(18);
  BackupHost host;
  host.add_server("orders", orders.conninfo());
  host.add_server("wiki", wiki.conninfo());
  auto daemon = host.serve(orders);
  wait_until_streaming(wiki);
  for (const auto* server : {"orders", "wiki"}) host.backup(server);
  host.pgkeep_or_throw({"verify", "orders"});
  orders.execute("CREATE TABLE t AS SELECT 1");
  wait_until_flushed(orders);
  wiki.stop();

  const auto report = host.json({"report"});
  EXPECT_EQ(report.at("verdict"), "all 2 servers can be recovered; 1 needs you");
  ASSERT_EQ(report.at("needs").size(), 1u) << report.at("needs");
  EXPECT_EQ(report.at("needs")[0].at("servers"), nlohmann::json::array({"wiki"}));
  const auto& kept = report.at("servers")[0];
  EXPECT_LT(kept.at("lag_bytes").get<std::uint64_t>(), 1U << 20);  // a checkpoint may have written some
  EXPECT_TRUE(kept.at("proof").at("sound").get<bool>());
  EXPECT_EQ(kept.at("stretches").size(), 1u);
  EXPECT_LT(kept.at("recoverable_from").get<std::string>(), kept.at("recoverable_until").get<std::string>());
  EXPECT_EQ(kept.at("changes").at("backups_made"), 1);

  EXPECT_THAT(
      host.pgkeep_or_throw({"report", "--format", "html"}),
      AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("All 2 servers can be recovered; 1 needs you.")));

  const auto figures = host.pgkeep_or_throw({"metrics"});
  EXPECT_THAT(
      figures,
      AllOf(HasSubstr("\npgkeep_up{server=\"orders\"} 1\n"), HasSubstr("\npgkeep_up{server=\"wiki\"} 0\n"),
            HasSubstr("\npgkeep_wal_streaming{server=\"orders\"} 1\n"),
            HasSubstr("\npgkeep_recoverable{server=\"wiki\"} 1\n"),
            HasSubstr("\npgkeep_finding{server=\"wiki\",key=\"sql_connection\",severity=\"failed\"} 1\n")));
  EXPECT_THAT(figures, ContainsRegex("\npgkeep_wal_received_bytes_total\\{server=\"orders\"\\} [1-9]"));
  EXPECT_THAT(figures,
              ContainsRegex("\npgkeep_wal_flush_duration_seconds_count\\{server=\"orders\"\\} [1-9]"));
  const auto file = host.scratch("pgkeep.prom");
  host.pgkeep_or_throw({"metrics", "--output", file.string()});
  const auto looked =
      run({.argv = {PGKEEP_SOURCE_DIR "/tests/monitoring/run", PGKEEP_BUILD_DIR, file.string()}});
  EXPECT_THAT(looked.exit_code, AnyOf(0, 77)) << looked.text();
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

}  // namespace
}  // namespace pgkeep::test
