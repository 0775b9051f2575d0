// The operator's programs are run around jobs, by hand and by the daemon.
#include <csignal>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "catalog/records/run_journal.h"
#include "catalog/store/layout.h"
#include "tests/integration/versions.h"
#include "tests/support/backup_host.h"
#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class Hooks : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { PGKEEP_NEEDS_POSTGRES(GetParam()); }

  /// Writes what it is run for into one file, and ends as told.
  static std::string hook(const BackupHost& host, const std::string& name,
                          const std::string& end = "exit 0") {
    const auto file = host.scratch(name);
    std::ofstream(file) << "#!/bin/sh\necho \"$PGKEEP_HOOK $PGKEEP_JOB $PGKEEP_SERVER $BARMAN_PHASE\" >> "
                        << host.scratch("log").native() << "\n"
                        << end << "\n";
    ::chmod(file.c_str(), 0755);
    return file.native();
  }
  static std::string log(const BackupHost& host) {
    std::ifstream file(host.scratch("log"));
    std::ostringstream text;
    text << file.rdbuf();
    std::filesystem::remove(host.scratch("log"));
    return text.str();
  }
};
PGKEEP_FOR_EACH_VERSION(Hooks);

TEST_P(Hooks, AreRunAroundWhatAnOperatorDoes) {
  const auto cluster = PostgresCluster::create(GetParam());
  BackupHost host(cluster);
  host.set_key(
      "main", "hooks",
      fmt::format("{{before_backup: {0}, after_backup: {0}, before_recover: {0}, after_recover: {0}, "
                  "before_delete: {0}, after_delete: {0}, on_failure: {0}}}",
                  hook(host, "hook", "echo it says something")));
  const auto first = host.backup();
  EXPECT_EQ(log(host), "before_backup backup main pre\nafter_backup backup main post\n");
  const auto run = catalog::RunJournal(store::ServerLayout(host.repository() / "main")).read().back();
  EXPECT_THAT(run.messages, Contains(Field(&catalog::RunMessage::text, "after_backup: it says something")));

  host.backup();
  host.recover("latest", "restored");
  EXPECT_THAT(log(host), HasSubstr("before_recover recover main pre\nafter_recover recover main post\n"));
  host.pgkeep_or_throw({"delete", "main", first, "--now"});
  EXPECT_EQ(log(host), "before_delete delete main pre\nafter_delete delete main post\n");
  host.pgkeep_or_throw({"backup", "main", "--no-hooks"});
  EXPECT_THAT(log(host), IsEmpty());
}

TEST_P(Hooks, OneThatObjectsKeepsTheJobFromBeingDone) {
  const auto cluster = PostgresCluster::create(GetParam());
  BackupHost host(cluster);
  const auto id = host.backup();
  const auto no = hook(host, "no", "echo 'not while the month is closed'; exit 1");
  host.set_key("main", "hooks",
               fmt::format("{{before_backup: {0}, before_recover: {0}, before_delete: {0}, on_failure: {1}}}",
                           no, hook(host, "failed")));

  const auto backup = host.pgkeep({"backup", "main"});
  EXPECT_EQ(backup.exit_code, 1);
  EXPECT_THAT(backup.err, AllOf(HasSubstr("not while the month is closed"), HasSubstr("--no-hooks")));
  EXPECT_EQ(log(host), "before_backup backup main pre\non_failure backup main post\n");
  const auto destination = host.scratch("restored");
  EXPECT_EQ(host.pgkeep({"recover", "main", "latest", destination.string()}).exit_code, 1);
  EXPECT_FALSE(std::filesystem::exists(destination / "PG_VERSION"));
  EXPECT_EQ(host.pgkeep({"delete", "main", id, "--now", "--force"}).exit_code, 1);
  EXPECT_THAT(host.backup_ids(), ::testing::ElementsAre(id)) << "nothing was deleted, and no backup was made";
}

TEST_P(Hooks, KeepAnExpiredBackupThatSomebodyStillNeeds) {
  const auto cluster = PostgresCluster::create(GetParam());
  BackupHost host(cluster);
  host.set_key("main", "retention", "{redundancy: 1, grace: 0}");
  const auto object = hook(host, "object", "exit 1");
  host.set_key("main", "hooks", fmt::format("{{before_delete: {0}, after_delete: {0}}}", object));
  const auto old = host.backup();
  host.backup();
  host.pgkeep_or_throw({"expire", "main"});  // marks it
  const auto said = host.pgkeep({"expire", "main"});
  EXPECT_EQ(said.exit_code, 0);
  EXPECT_THAT(said.err, HasSubstr("stays for now"));
  EXPECT_EQ(host.backup_ids().size(), 2u);
  EXPECT_EQ(log(host), "before_delete delete main pre\n");

  hook(host, "object");
  host.pgkeep_or_throw({"expire", "main"});
  EXPECT_THAT(host.backup_ids(), Not(Contains(old)));
  EXPECT_EQ(log(host), "before_delete delete main pre\nafter_delete delete main post\n");
}

TEST_P(Hooks, AreRunByTheDaemon) {
  const auto cluster = PostgresCluster::create(GetParam());
  BackupHost host(cluster);
  host.set_key("main", "schedule", "{backup: every 1h}");
  host.set_key(
      "main", "hooks",
      fmt::format("{{before_backup: {}, on_failure: {}}}", hook(host, "no", "exit 1"), hook(host, "failed")));
  auto daemon = host.serve(cluster);
  wait_until([&] { return std::filesystem::exists(host.scratch("log")); }, "a backup is due");
  std::string lines;
  wait_until(
      [&] {
        lines += log(host);
        return lines.find("on_failure backup main post") != lines.npos;
      },
      "its failure is told");
  EXPECT_THAT(lines, HasSubstr("before_backup backup main pre"));
  EXPECT_THAT(host.backup_ids(), IsEmpty());
  EXPECT_THAT(host.pgkeep({"check", "main"}).out, HasSubstr("hooks: can be run"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

}  // namespace
}  // namespace pgkeep::test
