// Who reads a repository takes nothing from its owner, and nobody deletes what is being read.
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"

namespace pgkeep::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RepositoryReaders : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }
};
PGKEEP_FOR_EACH_VERSION(RepositoryReaders);

std::vector<std::string> files_of_root(const fs::path& repository) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(repository)) {
    struct stat status {};
    if (::lstat(entry.path().c_str(), &status) != 0 || status.st_uid == 0) found.push_back(entry.path());
  }
  return found;
}

TEST_P(RepositoryReaders, LeaveNothingOfRootInAnothersRepository) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root reads the repository of another user";
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  host.backup();
  run_or_throw({{"chown", "-R", "postgres", host.repository()}});
  fs::remove(host.repository() / "main/runs.jsonl");
  fs::remove_all(host.repository() / "main/locks");
  host.pgkeep_or_throw({"recover", "main", "latest", host.scratch("tried"), "--dry-run"});
  EXPECT_THAT(files_of_root(host.repository()), IsEmpty());
  host.recover("latest", "done");
  EXPECT_THAT(files_of_root(host.repository()), IsEmpty());
}

/// An ssh that runs the command here, but tar only when told so.
class HeldShell {
 public:
  explicit HeldShell(const fs::path& folder) : folder_(folder) {
    fs::create_directory(folder_);
    std::ofstream(folder_ / "ssh")
        << "#!/bin/sh\ncd " << folder_
        << "\ncase $1 in *tar*) : >reached; until [ -e go ]; do sleep 0.02; done ;; esac\n"
           "exec sh -c \"$1\"\n";
    fs::permissions(folder_ / "ssh", fs::perms(0755));
  }
  std::string command() const { return folder_ / "ssh"; }
  void wait_until_reached() const {
    wait_until([this] { return fs::exists(folder_ / "reached"); }, "the recovery writes");
  }
  void let_go() const { std::ofstream(folder_ / "go") << ""; }

 private:
  fs::path folder_;
};

TEST_P(RepositoryReaders, AreNamedWhenTheirBackupIsToBeDeleted) {
  const auto source = PostgresCluster::create(GetParam());
  const BackupHost host(source);
  const auto first = host.backup();
  const auto second = host.backup();
  const HeldShell shell(host.scratch("shell"));
  const auto destination = host.scratch("recovered").native();
  auto recovery =
      host.start_pgkeep({"recover", "main", second, destination, "--remote-ssh-command", shell.command()});
  shell.wait_until_reached();
  const auto refused = host.pgkeep({"delete", "main", first, second});
  EXPECT_EQ(refused.exit_code, 4) << refused.text();
  EXPECT_THAT(refused.err, AllOf(HasSubstr(second), HasSubstr("recover " + destination),
                                 HasSubstr("nothing was deleted")));
  host.pgkeep_or_throw({"delete", "main", first});  // another one goes
  shell.let_go();
  const auto recovered = recovery.wait();
  EXPECT_EQ(recovered.exit_code, 0) << recovered.text();
  host.pgkeep_or_throw({"delete", "main", second});
}

}  // namespace
}  // namespace pgkeep::test
