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
  const auto refused = host.pgkeep({"delete", "main", first, second, "--now", "--force"});
  EXPECT_EQ(refused.exit_code, 4) << refused.text();
  EXPECT_THAT(refused.err, AllOf(HasSubstr(second), HasSubstr("recover " + destination),
                                 HasSubstr("nothing was deleted")));
  host.pgkeep_or_throw({"delete", "main", first, "--now"});  // another one goes
  shell.let_go();
  const auto recovered = recovery.wait();
  EXPECT_EQ(recovered.exit_code, 0) << recovered.text();
  host.pgkeep_or_throw({"delete", "main", second, "--now", "--force"});
}

/// A repository of the server's user, which is read as that user, with files that root left in it.
class FilesOfRoot : public RepositoryReaders {
 protected:
  void SetUp() override {
    RepositoryReaders::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  }
  static Outcome pgkeep(const BackupHost& host, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {
        "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", host.scratch("pgkeep"),
        "-c",      host.config_file()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run({std::move(argv)});
  }
  static void own(const BackupHost& host, const std::string& user, const fs::path& path) {
    run_or_throw({{"chown", "-R", user, path}});
    run_or_throw({{"chown", "postgres", host.config_file()}});
  }
};
PGKEEP_FOR_EACH_VERSION(FilesOfRoot);

TEST_P(FilesOfRoot, HideNoBackup) {
  const auto source = PostgresCluster::create(GetParam());
  BackupHost host(source);
  host.install_program();
  const auto id = host.backup();
  const auto record = host.repository() / "main/backups" / id / "backup.json";
  own(host, "postgres", host.repository());
  own(host, "root", record);
  fs::permissions(record, fs::perms(0600));
  for (const auto* index : {"catalog.db", "catalog.db-wal", "catalog.db-shm"})
    fs::remove(host.repository() / "main" / index);
  const std::vector<std::vector<std::string>> commands{{"verify-backup", "main", "latest"},
                                                       {"verify-backup", "main", "all"},
                                                       {"verify-backup", "main", id},
                                                       {"show-backup", "main", id},
                                                       {"recover", "main", "latest", host.scratch("r")},
                                                       {"recover", "main", "auto", host.scratch("r")},
                                                       {"backup", "main"},
                                                       {"delete", "main", id}};
  for (const auto& command : commands) {
    const auto outcome = pgkeep(host, command);
    EXPECT_EQ(outcome.exit_code, 1) << command.front() << ": " << outcome.text();
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(id), HasSubstr("belongs to root"),
                                   HasSubstr("chown --no-dereference postgres " + record.native())))
        << command.front();
    EXPECT_THAT(outcome.err, testing::Not(HasSubstr("has no backup"))) << command.front();
  }
  const auto check = pgkeep(host, {"check", "main"});
  EXPECT_THAT(check.out, AllOf(HasSubstr("owner of files"), HasSubstr("is there, but its record cannot be"),
                               testing::Not(HasSubstr("pgkeep delete"))));
  EXPECT_THAT(pgkeep(host, {"status", "main"}).out, HasSubstr("none that can be read, 1 that cannot"));
  own(host, "postgres", record);
  EXPECT_EQ(pgkeep(host, {"verify-backup", "main", "all"}).exit_code, 0);
}

TEST_P(FilesOfRoot, AmongTheLocksAreNamedByCheckBesideAllElse) {
  const auto source = PostgresCluster::create(GetParam());
  BackupHost host(source);
  host.install_program();
  host.backup();
  own(host, "postgres", host.repository());
  own(host, "root", host.repository() / "main/locks");
  run_or_throw({{"chown", "postgres", host.repository() / "main/locks"}});
  const auto check = pgkeep(host, {"check", "main"});
  EXPECT_EQ(check.exit_code, 1) << check.text();
  EXPECT_THAT(check.out, AllOf(HasSubstr("chown -R --no-dereference postgres " + host.repository().native()),
                               HasSubstr("FAILED  WAL receiver: "), HasSubstr("OK      wal_level"),
                               HasSubstr("OK      backups: 1"), HasSubstr("one history")));
  const auto backup = pgkeep(host, {"backup", "main"});
  EXPECT_EQ(backup.exit_code, 1) << backup.text();
  EXPECT_THAT(backup.err, AllOf(HasSubstr("locks/"), HasSubstr("chown --no-dereference postgres")));
}

}  // namespace
}  // namespace pgkeep::test
