#include "server/hooks/hooks.h"

#include <fstream>
#include <pwd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/io/error.h"
#include "server/hooks/hook_file.h"
#include "tests/support/temp_directory.h"
#include "tests/support/verification_fixture.h"

namespace pgkeep::server {
namespace {

using namespace std::chrono_literals;
using catalog::KeptProgress;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::ThrowsMessage;

class HooksTest : public testing::Test {
 protected:
  HooksTest() {
    server_.name = "main";
    server_.configuration = "/etc/pgkeep/pgkeep.yaml";
    server_.hooks.time_limit = 1min;
  }
  std::string script(const std::string& name, const std::string& text) {
    const auto file = folder_ / name;
    std::ofstream(file) << "#!/bin/sh\n" << text << "\n";
    ::chmod(file.c_str(), 0755);
    return file.native();
  }
  Hooks of(std::string_view kind, WithHooks with = WithHooks::yes) {
    return hooks_of(server_, folder_.path(), kind, with);
  }

  test::TempDirectory folder_;
  ServerConfig server_;
  KeptProgress said_;
};

TEST_F(HooksTest, AreToldWhatTheyAreRunFor) {
  server_.hooks.before_backup = script(
      "hook", "echo $PGKEEP_HOOK $PGKEEP_JOB $PGKEEP_PHASE $PGKEEP_SERVER $PGKEEP_BACKUP $PGKEEP_REPOSITORY");
  auto hooks = of("backup");
  hooks.tell("BACKUP", "20261120T020000Z");
  hooks.before(said_, {});
  EXPECT_THAT(said_.notes, ElementsAre("before_backup: before_backup backup before main 20261120T020000Z " +
                                       folder_.path().native()));
}

TEST_F(HooksTest, SpeakToScriptsOfBarman) {
  const auto file = script("hook",
                           "echo $BARMAN_PHASE $BARMAN_HOOK $BARMAN_SERVER $BARMAN_BACKUP_ID $BARMAN_STATUS "
                           "$BARMAN_RETRY $BARMAN_CONFIGURATION \"error=$BARMAN_ERROR\"");
  server_.hooks.before_backup = server_.hooks.after_backup = server_.hooks.on_failure = file;
  auto hooks = of("backup");
  hooks.tell("BACKUP", "B");
  hooks.before(said_, {});
  hooks.after(said_, {});
  hooks.failed("the disk is full", said_, {});
  EXPECT_THAT(said_.notes,
              ElementsAre("before_backup: pre backup_script main B STARTED 0 /etc/pgkeep/pgkeep.yaml error=",
                          "after_backup: post backup_script main B DONE 0 /etc/pgkeep/pgkeep.yaml error=",
                          "on_failure: post backup_script main B FAILED 0 /etc/pgkeep/pgkeep.yaml "
                          "error=the disk is full"));
}

TEST_F(HooksTest, GetNoSecretsOfOurs) {
  ::setenv("PGPASSWORD", "topsecret", 1);
  server_.hooks.before_backup = script("hook", "/usr/bin/env; set");
  of("backup").before(said_, {});
  ::unsetenv("PGPASSWORD");
  EXPECT_THAT(said_.notes, Not(Contains(HasSubstr("topsecret"))));
  EXPECT_THAT(said_.notes, Contains(HasSubstr("PATH=")));
}

TEST_F(HooksTest, OneBeforeAJobForbidsItAndSaysWhy) {
  server_.hooks.before_backup = script("hook", "echo looking; echo 'an export runs' >&2; exit 1");
  EXPECT_THAT([&] { of("backup").before(said_, {}); },
              ThrowsMessage<Error>(AllOf(HasSubstr("before_backup"), HasSubstr("exit code 1"),
                                         HasSubstr("an export runs"), HasSubstr("--no-hooks"))));
  EXPECT_THAT(said_.notes, Contains("before_backup: looking"));
}

TEST_F(HooksTest, OneThatSaysSixtyTwoDoesNotObject) {
  server_.hooks.before_backup = script("hook", "exit 62");
  of("backup").before(said_, {});
  EXPECT_THAT(said_.warnings, ElementsAre(HasSubstr("does not object")));
}

TEST_F(HooksTest, OneAfterAJobCannotUndoIt) {
  server_.hooks.after_backup = script("hook", "exit 1");
  of("backup").after(said_, {});
  EXPECT_THAT(said_.warnings, ElementsAre(HasSubstr("after_backup")));
}

TEST_F(HooksTest, AreEndedInTime) {
  server_.hooks.after_backup = script("hook", "echo begun; exec sleep 600");
  server_.hooks.time_limit = 1s;
  of("backup").after(said_, {});
  EXPECT_THAT(said_.warnings, ElementsAre(HasSubstr("did not end within 1 s")));
}

TEST_F(HooksTest, MayFloodNobody) {
  server_.hooks.after_backup = script("hook", "seq 1 100000; printf 'raw \\033[2J\\n'");
  of("backup").after(said_, {});
  EXPECT_EQ(said_.notes.size(), 21u);
  EXPECT_EQ(said_.notes.back(), "after_backup: raw ?[2J");
}

TEST_F(HooksTest, OfFailuresAreRunWhenTheJobThrowsAndTheFailureStays) {
  server_.hooks.on_failure = script("hook", "echo \"$PGKEEP_JOB failed: $PGKEEP_ERROR\"; exit 1");
  auto hooks = of("verify");
  EXPECT_THAT([&] { hooks.watch(said_, {}, [] { throw Error("the disk is on fire"); }); },
              ThrowsMessage<Error>("the disk is on fire"));
  EXPECT_THAT(said_.notes, ElementsAre("on_failure: verify failed: the disk is on fire"));
  EXPECT_THAT(said_.warnings, ElementsAre(HasSubstr("on_failure")));
}

TEST_F(HooksTest, AStoppedJobHasNotFailed) {
  server_.hooks.on_failure = script("hook", "echo failed");
  auto hooks = of("backup");
  EXPECT_THROW(hooks.watch(said_, {}, [] { throw Interrupted("stopped"); }), Interrupted);
  EXPECT_THAT(said_.notes, IsEmpty());
}

TEST_F(HooksTest, CanBeLeftOut) {
  server_.hooks.before_recover = server_.hooks.after_recover = server_.hooks.on_failure =
      script("hook", "echo run; exit 1");
  auto hooks = of("recover", WithHooks::no);
  hooks.before(said_, {});
  hooks.after(said_, {});
  hooks.failed("why", said_, {});
  EXPECT_THAT(said_.notes, IsEmpty());
}

TEST_F(HooksTest, AreNotRunWhenOthersCouldChangeThem) {
  const auto file = script("hook", "echo run");
  EXPECT_EQ(why_not_run(file, ::geteuid()), "");
  ::chmod(file.c_str(), 0775);
  EXPECT_THAT(why_not_run(file, ::geteuid()), HasSubstr("others may write to"));
  ::chmod(file.c_str(), 0644);
  EXPECT_THAT(why_not_run(file, ::geteuid()), HasSubstr("cannot be executed"));
  EXPECT_THAT(why_not_run(folder_.path().native(), ::geteuid()), HasSubstr("is no program"));
  EXPECT_THAT(why_not_run((folder_ / "none").native(), ::geteuid()), HasSubstr("No such file"));
  if (::geteuid() != 0) return;
  ::chmod(file.c_str(), 0755);
  ASSERT_EQ(::chown(file.c_str(), 65534, 65534), 0);
  EXPECT_THAT(why_not_run(file, ::geteuid()), HasSubstr("belongs to user 65534"));
}

// Whoever owns the repository may be able to write the configuration, and would have root run any program.
TEST_F(HooksTest, OfRootHaveTheRightsOfTheOwnerOfTheRepository) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give rights away";
  const auto* nobody = ::getpwnam("nobody");
  ASSERT_NE(nobody, nullptr);
  const auto repository = folder_ / "repository";
  std::filesystem::create_directory(repository);
  ASSERT_EQ(::chown(repository.c_str(), nobody->pw_uid, nobody->pw_gid), 0);
  ::chmod(folder_.path().c_str(), 0755);
  server_.hooks.before_recover = script("hook", "echo $(id -u) $(id -G) $HOME $USER; pwd");
  hooks_of(server_, repository, "recover").before(said_, {});
  EXPECT_THAT(said_.notes, ElementsAre(fmt::format("before_recover: {} {} {} nobody", nobody->pw_uid,
                                                   nobody->pw_gid, nobody->pw_dir),
                                       "before_recover: /"));
}

TEST_F(HooksTest, TellBeforehandWhatKeepsThemFromBeingRun) {
  EXPECT_FALSE(faults_of_hooks(server_.hooks));
  server_.hooks.before_backup = script("hook", "true");
  EXPECT_THAT(faults_of_hooks(server_.hooks).value(), IsEmpty());
  server_.hooks.on_failure = (folder_ / "none").native();
  EXPECT_THAT(faults_of_hooks(server_.hooks).value(), ElementsAre(testing::StartsWith("on_failure: ")));
}

}  // namespace
}  // namespace pgkeep::server
