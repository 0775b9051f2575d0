// A role with no more than the rights that are documented, and every way to prove who it is.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

using ::testing::HasSubstr;

class Authentication : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  static PostgresCluster cluster_that_asks_for_a_password() {
    auto cluster =
        PostgresCluster::create(GetParam(), {.settings = {{"password_encryption", "scram-sha-256"}}});
    cluster.execute("CREATE ROLE keeper LOGIN REPLICATION PASSWORD 'it''s a \\ secret'");
    cluster.execute("GRANT pg_monitor TO keeper");
    // Lines are tried from the top, and the first that fits counts.
    const auto hba = cluster.data_directory() / "pg_hba.conf";
    const auto trusting = read_file(hba);
    std::ofstream(hba) << "host all,replication keeper 127.0.0.1/32 scram-sha-256\n" << trusting;
    cluster.execute("SELECT pg_reload_conf()");
    return cluster;
  }
  static std::string write_password_file(const BackupHost& host, const std::string& password) {
    const auto path = host.scratch("pgpass");
    std::ofstream(path) << "127.0.0.1:*:*:keeper:" << password << '\n';
    ::chmod(path.c_str(), 0600);
    return path;
  }
};
PGKEEP_FOR_EACH_VERSION(Authentication);

TEST_P(Authentication, WorksWithAPasswordFileAndTheLeastRights) {
  const auto source = cluster_that_asks_for_a_password();
  BackupHost host;
  host.add_server("main", source.conninfo("postgres", "keeper") +
                              " passfile=" + write_password_file(host, "it's a \\\\ secret"));
  auto receiver = host.receive_wal(source);
  host.backup();
  source.execute("CREATE TABLE t AS SELECT 1");
  wait_until_flushed(source);
  receiver.signal(SIGTERM);
  EXPECT_EQ(receiver.wait().exit_code, 0);
  EXPECT_EQ(recover_and_start(host, GetParam(), "latest", "recovered").value("SELECT count(*) FROM t"), "1");
}

TEST_P(Authentication, WorksWithAPasswordInTheConfiguration) {
  const auto source = cluster_that_asks_for_a_password();
  BackupHost host;
  host.add_server("main", source.conninfo("postgres", "keeper") + R"( password='it\'s a \\ secret')");
  host.backup();
}

TEST_P(Authentication, StopsAtAWrongPasswordAndDoesNotTellIt) {
  const auto source = cluster_that_asks_for_a_password();
  BackupHost host;
  host.add_server(
      "main", source.conninfo("postgres", "keeper") + " passfile=" + write_password_file(host, "guessed"));
  for (const char* command : {"backup", "receive-wal"}) {
    const auto outcome = host.pgkeep({command, "main"});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
    EXPECT_THAT(outcome.err, HasSubstr("password authentication failed"));
    EXPECT_THAT(outcome.err, Not(HasSubstr("guessed")));
  }
}

TEST_P(Authentication, NamesTheRightThatIsMissing) {
  const auto source = PostgresCluster::create(GetParam());
  source.execute("CREATE ROLE nobody LOGIN");
  BackupHost host;
  host.add_server("main", source.conninfo("postgres", "nobody"));
  const auto outcome = host.pgkeep({"backup", "main"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("REPLICATION"));
}

}  // namespace
}  // namespace pgkeep::test
