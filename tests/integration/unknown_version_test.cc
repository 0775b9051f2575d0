// The day a new major version of PostgreSQL is released: what a pgkeep does that does not know it yet. The
// program is one that has forgotten the newest version (PGKEEP_BEHIND); the server, and all its formats, are
// real.
#include <csignal>
#include <optional>

#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class UnknownVersion : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  /// A server that came after the program which keeps it.
  struct Kept {
    PostgresCluster server;
    BackupHost host;
    explicit Kept(int major) : server(PostgresCluster::create(major)), host(server) {
      host.use_program(PGKEEP_BEHIND);
    }
  };

  /// The check of that name; null when there is none.
  static nlohmann::json check_of(const nlohmann::json& answer, const std::string& name) {
    for (const auto& server : answer)
      for (const auto& check : server.at("checks"))
        if (check.at("name") == name) return check;
    return nullptr;
  }
};
PGKEEP_FOR_EACH_VERSION(UnknownVersion);

TEST_P(UnknownVersion, IsRefusedWithTheWayOut) {
  const Kept kept(GetParam());
  for (const auto* command : {"backup", "create-slot"}) {
    const auto outcome = kept.host.pgkeep({command, "main"});
    EXPECT_NE(outcome.exit_code, 0) << command;
    EXPECT_THAT(outcome.text(), AllOf(HasSubstr("runs PostgreSQL " + std::to_string(GetParam())),
                                      HasSubstr("install a newer pgkeep"), HasSubstr("allow_unknown_major")));
  }
}

TEST_P(UnknownVersion, IsKeptUncheckedWhereThatIsAllowedAndIsWholeForAProgramThatKnowsIt) {
  Kept kept(GetParam());
  auto& [source, host] = kept;
  host.set_key("main", "allow_unknown_major", "true");
  make_every_kind_of_table(source, "extra");
  std::optional<Process> receiver = host.receive_wal(source);
  const auto taken = host.pgkeep({"backup", "main"});
  EXPECT_EQ(taken.exit_code, 0) << taken.text();
  EXPECT_THAT(taken.text(), HasSubstr("unchecked"));
  change_every_kind_of_table(source, 1);
  host.backup();
  change_every_kind_of_table(source, 2);
  source.execute("SELECT pg_switch_wal()");
  const auto in_between = contents(source);
  const auto moment = source.value("SELECT clock_timestamp()");
  change_every_kind_of_table(source, 3);
  const auto expected = contents(source);
  wait_until_flushed(source);
  // Killed: what was received has to be found again, and compared without being understood.
  receiver->signal(SIGKILL);
  receiver->wait();
  receiver.emplace(host.receive_wal(source));
  wait_until_flushed(source);

  const auto check =
      check_of(nlohmann::json::parse(host.pgkeep({"check", "main", "--json"}).out).at("data"), "version");
  ASSERT_FALSE(check.is_null());
  EXPECT_EQ(check.at("result"), "ADVICE");
  EXPECT_THAT(check.at("finding"), HasSubstr("stored unchecked"));
  EXPECT_FALSE(host.json({"show-backup", "main", "latest"}).at("formats_known"));
  EXPECT_THAT(host.pgkeep_or_throw({"show-backup", "main", "latest"}), HasSubstr("UNCHECKED"));
  EXPECT_THAT(host.pgkeep_or_throw({"list-backups", "main"}), HasSubstr("unchecked"));
  EXPECT_THAT(host.pgkeep_or_throw({"status", "main"}), HasSubstr("UNCHECKED"));
  for (const auto& command :
       {std::vector<std::string>{"verify-backup", "main", "all"}, {"verify-wal", "main"}})
    EXPECT_THAT(host.pgkeep_or_throw(command), HasSubstr("is what was stored")) << command.front();

  const auto copy = [&](const std::string& name, std::vector<std::string> options) {
    const auto tablespace = host.scratch(name + "-extra");
    options.insert(options.end(), {"--tablespace", "extra:" + tablespace.native()});
    const auto directory = host.recover("latest", name, options);
    give_to_postgres(tablespace);
    auto recovered = PostgresCluster::adopt(GetParam(), directory);
    recovered.verify_backup();
    recovered.start();
    recovered.wait_until_recovered();
    return contents(recovered);
  };
  EXPECT_EQ(copy("unchecked", {}), expected);
  EXPECT_EQ(copy("unchecked-in-time", {"--target-time", moment, "--target-action", "promote"}), in_between);

  // The newer pgkeep is installed: it looks into all of it, and goes on.
  end_in_order(*receiver);
  host.use_program(PGKEEP_BINARY);
  receiver.emplace(host.receive_wal(source));
  EXPECT_TRUE(host.json({"show-backup", "main", "latest"}).at("formats_known"));
  for (const auto& command :
       {std::vector<std::string>{"verify-backup", "main", "all"}, {"verify-wal", "main"}})
    EXPECT_THAT(host.pgkeep_or_throw(command), HasSubstr("is good")) << command.front();
  EXPECT_EQ(copy("checked-in-time", {"--target-time", moment, "--target-action", "promote"}), in_between);
  change_every_kind_of_table(source, 4);
  host.backup();
  EXPECT_THAT(host.pgkeep_or_throw({"verify-backup", "main", "all"}), HasSubstr("is good"));
}

TEST_P(UnknownVersion, AServerThatWasPutBackIsRefusedAllTheSame) {
  Kept kept(GetParam());
  auto& [source, host] = kept;
  host.set_key("main", "allow_unknown_major", "true");
  add_rows(source, 1, 10);
  source.stop();
  const auto earlier = source.make_directory("earlier") / "data";
  run_or_throw({{"cp", "-a", source.data_directory().native(), earlier.native()}});
  source.start();
  {
    auto receiver = host.receive_wal(source);
    add_rows(source, 11, 20);
    source.execute("SELECT pg_switch_wal()");
    add_rows(source, 21, 30);
    wait_until_flushed(source);
    end_in_order(receiver);
  }
  const auto end = source.current_lsn();
  source.stop();
  auto put_back = PostgresCluster::adopt(GetParam(), earlier);
  put_back.start();
  while (put_back.value("SELECT pg_current_wal_flush_lsn() > '" + end + "'::pg_lsn") != "t") {
    add_rows(put_back, 101, 110);
    put_back.execute("SELECT pg_switch_wal()");
  }
  host.set_conninfo("main", put_back.conninfo());
  const auto refused = host.pgkeep({"receive-wal", "main"});
  EXPECT_EQ(refused.exit_code, 6);
  EXPECT_THAT(refused.text(), HasSubstr("it was put back to an earlier state"));
}

TEST_P(UnknownVersion, APromotionIsFollowed) {
  Kept kept(GetParam());
  auto& [source, host] = kept;
  host.set_key("main", "allow_unknown_major", "true");
  add_rows(source, 1, 10);
  auto standby = PostgresCluster::standby_of(source);
  std::optional<Process> receiver = host.receive_wal(source);
  host.backup();
  add_rows(source, 11, 20);
  wait_until_flushed(source);
  end_in_order(*receiver);
  wait_until_replayed(standby, source.current_lsn());
  source.stop();
  standby.promote();
  host.set_conninfo("main", standby.conninfo());
  receiver.emplace(host.receive_wal(standby));
  add_rows(standby, 21, 30);
  wait_until_flushed(standby);
  EXPECT_EQ(contents(recover_and_start(host, GetParam(), "latest", "copy")), contents(standby));
}

}  // namespace
}  // namespace pgkeep::test
