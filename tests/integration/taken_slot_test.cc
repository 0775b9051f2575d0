// Another client has the slot in use.
#include <csignal>

#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TakenSlot : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }
};
PGKEEP_FOR_EACH_VERSION(TakenSlot);

TEST_P(TakenSlot, IsToldByCheckWithAndWithoutADaemon) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  source.execute("SELECT pg_create_physical_replication_slot('pgkeep', true)");
  Process other(
      source.program({"pg_receivewal", "-D", source.make_directory("taken"), "-S", "pgkeep"}, true));
  wait_until([&] { return source.value("SELECT active FROM pg_replication_slots") == "t"; },
             "the slot is taken");
  const auto pid = source.value("SELECT active_pid FROM pg_replication_slots");
  const auto check = [&] {
    const auto outcome = host.pgkeep({"check", "main"});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_THAT(outcome.out,
                AllOf(HasSubstr("FAILED  replication slot: pgkeep reserved, active"),
                      HasSubstr("in use by another client: process " + pid + " of the server (pg_receivewal"),
                      HasSubstr("pgkeep receives nothing before that one ends")));
  };
  check();  // without a repository
  auto daemon = host.start_pgkeep({"serve"});
  wait_until([&] { return host.pgkeep({"reload"}).exit_code == 0; }, "the daemon answers");
  wait_until([&] { return host.stream_state().at("phase") == "waiting"; }, "the daemon waits for the slot");
  check();
  daemon.signal(SIGTERM);
  daemon.wait();
  check();
}

}  // namespace
}  // namespace pgkeep::test
