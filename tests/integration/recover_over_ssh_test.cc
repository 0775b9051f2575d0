// Recovery onto another host needs nothing there but ssh and tar.
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/database_contents.h"
#include "tests/support/ssh_server.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RecoverOverSsh : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    PGKEEP_NEEDS_POSTGRES(GetParam());
    if (!SshServer::available()) GTEST_SKIP() << "no sshd here: run etc/install-deps --tests";
  }
};
PGKEEP_FOR_EACH_VERSION(RecoverOverSsh);

TEST_P(RecoverOverSsh, GivesBackTheSameAsRecoveryOnThisHost) {
  const auto source = PostgresCluster::create(GetParam());
  make_every_kind_of_table(source, "extra");
  const BackupHost host(source);
  host.backup();
  const SshServer other_host;
  const auto tablespace = host.scratch("extra over there");
  const auto directory = host.recover(
      "latest", "over there",
      {"--remote-ssh-command", other_host.command(), "--tablespace", "extra:" + tablespace.native()});
  give_to_postgres(tablespace);
  auto recovered = PostgresCluster::adopt(GetParam(), directory);
  recovered.verify_backup();
  recovered.start();
  recovered.wait_until_recovered();
  EXPECT_EQ(contents(recovered), contents(source));
}

TEST_P(RecoverOverSsh, LeavesADirectoryWithFilesInItAlone) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  host.backup();
  const SshServer other_host;
  const auto destination = host.scratch("full");
  fs::create_directory(destination);
  run_or_throw({{"touch", destination / "keepsake"}});
  const auto outcome =
      host.pgkeep({"recover", "main", "latest", destination, "--remote-ssh-command", other_host.command()});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
  EXPECT_EQ(std::distance(fs::directory_iterator(destination), {}), 1);
}

TEST_P(RecoverOverSsh, RefusesAPlaceThatBelongsToAnotherOrIsReachedTwice) {
  const auto source = PostgresCluster::create(GetParam());
  for (const auto* name : {"one", "two"}) {
    source.execute(
        fmt::format("CREATE TABLESPACE {} LOCATION '{}'", name, source.make_directory(name).native()));
  }
  const BackupHost host(source);
  host.backup();
  const SshServer other_host;
  const auto live = source.data_directory();
  const auto free = host.scratch("free");
  const auto shared = host.scratch("shared");
  fs::create_directory(shared);
  fs::create_directory_symlink(shared, host.scratch("link"));
  const auto refusal = [&](const fs::path& destination, const fs::path& one, const fs::path& two) {
    const auto outcome =
        host.pgkeep({"recover", "main", "latest", destination, "--remote-ssh-command", other_host.command(),
                     "--tablespace", "one:" + one.native(), "--tablespace", "two:" + two.native()});
    EXPECT_EQ(outcome.exit_code, 6) << outcome.text();
    return outcome.err;
  };
  const auto one = host.scratch("one");
  const auto two = host.scratch("two");
  EXPECT_THAT(refusal(live / "base/new", one, two), HasSubstr("data directory of PostgreSQL"));
  EXPECT_THAT(refusal(free, live / "new", two), HasSubstr("data directory of PostgreSQL"));
  EXPECT_THAT(refusal(live.parent_path() / "one/new", one, two), HasSubstr("tablespace of PostgreSQL"));
  EXPECT_THAT(refusal(free, one, live.parent_path() / "two/new"), HasSubstr("tablespace of PostgreSQL"));
  // The host of the repository can be reached over SSH too.
  EXPECT_THAT(refusal(host.repository() / "new", one, two), HasSubstr("repository of pgkeep"));
  EXPECT_THAT(refusal(free, shared, host.scratch("link")), HasSubstr("a directory of its own"));
  EXPECT_FALSE(fs::exists(free) || fs::exists(one) || fs::exists(two));
}

TEST_P(RecoverOverSsh, SaysSoWhenTheOtherHostCannotBeReached) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  host.backup();
  const auto outcome = host.pgkeep({"recover", "main", "latest", host.scratch("nowhere"),
                                    "--remote-ssh-command", "ssh -o BatchMode=yes -p 1 127.0.0.1"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.text();
  EXPECT_FALSE(fs::exists(host.scratch("nowhere")));
}

}  // namespace
}  // namespace pgkeep::test
