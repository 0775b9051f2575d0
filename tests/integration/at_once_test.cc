// Two commands of one server at once: each is done, waits, or is refused with the name of the other; none
// does harm.
#include <csignal>
#include <filesystem>
#include <list>

#include <gmock/gmock.h>

#include "tests/integration/two_hosts.h"
#include "tests/integration/versions.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;

class AtOnce : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }
};
PGKEEP_FOR_EACH_VERSION(AtOnce);

/// What is run beside each of the others, and beside itself.
const std::vector<std::vector<std::string>> kCommands{{"backup", "main"},
                                                      {"expire", "main"},
                                                      {"delete", "main", "oldest", "--now", "--force"},
                                                      {"compact", "main"},
                                                      {"verify", "main"},
                                                      {"verify-backup", "main", "latest"},
                                                      {"rebuild-catalog", "main"},
                                                      {"recover", "main", "latest"},
                                                      {"get-wal", "main"}};

TEST_P(AtOnce, EachPairOfCommandsIsDoneOrRefusedWithTheHoldersNameAndNothingIsHarmed) {
  const auto source = PostgresCluster::create(
      GetParam(),
      {.initdb = {"--wal-segsize=1"}, .settings = {{"min_wal_size", "2MB"}, {"max_wal_size", "4MB"}}});
  BackupHost host(source);
  host.set_key("main", "retention", "{redundancy: 3, grace: 0}");
  host.set_key("main", "compaction", "{dead_share: 1%}");
  auto receiver = host.receive_wal(source);
  int rows = 0;
  int number = 0;
  const auto more = [&] {
    add_rows(source, rows + 1, rows + 500);
    rows += 500;
  };
  std::string segment;  // that is received whole or in part
  const auto complete = [&](std::vector<std::string> command) {
    if (command[0] == "recover") command.push_back(host.scratch("recovered" + std::to_string(++number)));
    if (command[0] == "get-wal") {
      command.push_back(segment);
      command.push_back(host.scratch("wal" + std::to_string(++number)));
    }
    return command;
  };
  more();
  for (int i = 0; i < 4; ++i) host.backup();
  for (std::size_t a = 0; a < kCommands.size(); ++a) {
    for (std::size_t b = a; b < kCommands.size(); ++b) {
      SCOPED_TRACE(kCommands[a][0] + " beside " + kCommands[b][0]);
      more();
      while (host.backup_ids().size() < 3) host.backup();
      segment = source.value("SELECT pg_walfile_name(pg_current_wal_lsn() - 1::numeric)");
      wait_until_flushed(source);
      std::list<Process> both;
      for (const auto& command : {kCommands[a], kCommands[b]})
        both.push_back(host.start_pgkeep(complete(command)));
      for (auto& one : both) {
        const auto outcome = one.wait();
        if (outcome.exit_code == 0) continue;
        EXPECT_EQ(outcome.exit_code, 4) << outcome.text();
        EXPECT_THAT(outcome.err, AnyOf(HasSubstr("is held by"), HasSubstr("is running already"),
                                       HasSubstr("being read"), HasSubstr("being deleted")))
            << outcome.text();
      }
      for (int i = 1; i <= number; ++i) {
        const auto recovered = host.scratch("recovered" + std::to_string(i));
        if (fs::exists(recovered / "global/pg_control")) fs::remove_all(recovered);
      }
    }
  }
  more();
  wait_until_flushed(source);
  for (const auto& id : host.backup_ids()) host.pgkeep_or_throw({"verify-backup", "main", id});
  host.pgkeep_or_throw({"verify", "main"});
  host.pgkeep_or_throw({"check", "main"});
  end_in_order(receiver);
  EXPECT_EQ(count_rows(recover_and_start(host, GetParam(), "oldest", "oldest")), std::to_string(rows));
}

}  // namespace
}  // namespace pgkeep::test
