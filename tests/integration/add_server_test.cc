// A server comes and goes by one command each.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class AddServer : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }
  AddServer() { std::ofstream(host_.config_file(), std::ios::app) << "include: conf.d/*.yaml\n"; }

  std::filesystem::path file() const { return host_.scratch("conf.d") / "orders.yaml"; }
  static std::string slots(const PostgresCluster& cluster) {
    return cluster.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'pgkeep'");
  }

  BackupHost host_;
};
PGKEEP_FOR_EACH_VERSION(AddServer);

TEST_P(AddServer, WritesTheFileMakesTheSlotAndTakesTheFirstBackup) {
  const auto source = PostgresCluster::create(GetParam());
  const auto said =
      host_.json({"server", "add", "orders", source.conninfo(), "--description", "it's: #1", "--backup"});
  EXPECT_EQ(said.at("file"), file().native());
  EXPECT_EQ(said.at("slot").at("created"), true);
  EXPECT_EQ(slots(source), "1");
  ASSERT_EQ(host_.backup_ids("orders").size(), 1u);
  EXPECT_EQ(said.at("backup").at("id"), host_.backup_ids("orders").front());
  EXPECT_EQ(host_.json({"list-servers"}).at(0).at("description"), "it's: #1");
}

TEST_P(AddServer, IsTakenUpByTheDaemonAndLeavesWhatIsStoredWhenItGoes) {
  const auto source = PostgresCluster::create(GetParam());
  host_.json({"add-server", "orders", source.conninfo(), "--backup"});
  auto daemon = host_.serve(source);
  const auto gone = host_.json({"remove-server", "orders"});
  EXPECT_EQ(gone.at("slot_dropped_on").at(0).at("dropped"), true);
  EXPECT_EQ(slots(source), "0");
  EXPECT_FALSE(std::filesystem::exists(file()));
  EXPECT_GT(gone.at("stored").at("bytes"), 0);
  EXPECT_TRUE(std::filesystem::exists(gone.at("stored").at("folder").get<std::string>()));

  const auto back = host_.json({"add-server", "orders", source.conninfo()});
  EXPECT_EQ(back.at("reload").at("added").at(0), "orders");
  wait_until_streaming(source);
  EXPECT_EQ(host_.backup_ids("orders").size(), 1u) << "the one of before";
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

TEST_P(AddServer, SaysWhatToCopyWhereTheRoleIsNotLetInAndWritesNothing) {
  const auto source = PostgresCluster::create(GetParam());
  std::ofstream(source.data_directory() / "pg_hba.conf")
      << "local all all trust\nhost all,replication postgres 127.0.0.1/32 trust\n";
  source.execute("SELECT pg_reload_conf()");
  Outcome said;
  wait_until(
      [&] {
        said = host_.pgkeep({"add-server", "orders", source.conninfo("postgres", "keeper")});
        return said.text().find("no pg_hba.conf entry") != std::string::npos;
      },
      "the server has read its pg_hba.conf");
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.text(), AllOf(HasSubstr("CREATE ROLE keeper LOGIN REPLICATION;"),
                                 HasSubstr("GRANT pg_monitor TO keeper;"),
                                 HasSubstr("host  postgres  keeper  127.0.0.1/32  scram-sha-256\n"),
                                 HasSubstr("host  replication  keeper  127.0.0.1/32  scram-sha-256\n"),
                                 HasSubstr("nothing was written")));
  EXPECT_FALSE(std::filesystem::exists(file()));
  EXPECT_FALSE(std::filesystem::exists(host_.repository()));
}

TEST_P(AddServer, RefusesAServerThatIsAnotherClusterThanTheOneThatIsStored) {
  const auto source = PostgresCluster::create(GetParam());
  host_.json({"add-server", "orders", source.conninfo(), "--backup"});
  host_.json({"remove-server", "orders"});
  const auto another = PostgresCluster::create(GetParam());
  EXPECT_EQ(host_.pgkeep({"add-server", "orders", another.conninfo()}).exit_code, 6);
  EXPECT_FALSE(std::filesystem::exists(file()));
  EXPECT_EQ(slots(another), "0");
}

}  // namespace
}  // namespace pgkeep::test
