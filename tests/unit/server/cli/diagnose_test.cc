#include "server/cli/diagnose.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/records/run_journal.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::HasSubstr;
using testing::Not;

class DiagnoseTest : public CommandTest {
 protected:
  DiagnoseTest() { store_a_little(); }
};

TEST_F(DiagnoseTest, TellsWhatSomebodyNeedsWhoIsToHelp) {
  catalog::RunJournal journal(layout_);
  auto run = journal.begin("backup", "", kMorning);
  journal.end(run, catalog::RunOutcome::failed, "the disk was full", "");
  const auto told = data(run_diagnose, {});
  EXPECT_TRUE(told.at("host").at("kernel").is_string());
  EXPECT_EQ(told.at("configuration").at("limits").at("backups"), 2);
  ASSERT_EQ(told.at("servers").size(), 2u);
  const auto& main = told.at("servers").at(0);
  EXPECT_EQ(main.at("settings").at("slot"), "pgkeep");
  EXPECT_EQ(main.at("check").at("server"), "main");
  EXPECT_EQ(main.at("stored").at("backups").at(0).at("id"), "20261120T020000Z");
  EXPECT_THAT(main.at("stored").at("runs").dump(), HasSubstr("the disk was full"));
  EXPECT_THAT(main.at("stored").at("events").dump(), HasSubstr("the server had removed it"));
  EXPECT_EQ(main.at("stored").at("events").at(0).at("kind"), "gap");
  EXPECT_TRUE(told.at("servers").at(1).at("stored").is_null());
}

TEST_F(DiagnoseTest, HoldsNoSecrets) {
  const auto secret = [&](const char* name) {
    const auto file = directory_ / name;
    std::ofstream(file) << "topsecret-" << name << "\n";
    std::filesystem::permissions(file, std::filesystem::perms::owner_read);
    return file.native();
  };
  std::filesystem::remove(config_);
  std::ofstream(config_) << "repository: " << directory_.path().native() << R"(
servers:
  main:
    conninfo: postgresql://pgkeep:topsecret-uri@127.0.0.1:1/postgres?sslpassword=topsecret-key
  spare:
    conninfo: host=127.0.0.1 port=1 user=pgkeep password='topsecret-conninfo'
)"
                         << "http: {listen: '127.0.0.1:1', token_file: " << secret("token") << "}\n"
                         << "mail: {to: a@b, smtp: 'smtp://127.0.0.1:1', user: u, password_file: "
                         << secret("mail") << ", heartbeat: 'https://hc.example/ping/topsecret-heartbeat'}\n"
                         << "notify: {webhook_file: " << secret("webhook") << "}\n";
  std::filesystem::permissions(config_, std::filesystem::perms::owner_read);
  ::setenv("PGPASSWORD", "topsecret-environment", 1);
  const auto said = run_line({"diagnose", "--json"});
  ::unsetenv("PGPASSWORD");
  EXPECT_EQ(said.exit, Exit::ok) << said.talk;
  EXPECT_THAT(said.results, HasSubstr("https://hc.example"));
  EXPECT_THAT(said.results + said.talk, Not(HasSubstr("topsecret")));
}

TEST_F(DiagnoseTest, WhatCannotBeReadKeepsNothingElseFromBeingTold) {
  std::ofstream(layout_.event_journal()) << "no event\n";
  std::ofstream(layout_.record(store::BackupId::parse("20261120T020000Z").value())) << "{}";
  const auto told = data(run_diagnose, {});
  EXPECT_THAT(told.at("servers").at(0).at("stored").at("backups").dump(), HasSubstr("cannot_be_told"));
  EXPECT_EQ(told.at("servers").size(), 2u);
}

}  // namespace
}  // namespace pgkeep::server
