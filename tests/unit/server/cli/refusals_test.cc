#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "server/cli/commands.h"
#include "tests/unit/server/cli/command_fixture.h"

namespace pgkeep::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What commands refuse before they do anything.
using RefusalsTest = CommandTest;

using Words = std::vector<std::string>;

/// A line of every command that takes a server, with that name for it.
std::vector<Words> lines_about(const std::string& server) {
  std::vector<Words> lines;
  for (const auto& command : commands()) {
    Words words{std::string(command.name)};
    bool takes_server = false;
    const auto call = command.call();
    for (const auto& positional : call.syntax.positionals()) {
      const bool is_server = positional.name == "SERVER";
      takes_server = takes_server || is_server;
      words.push_back(is_server ? server : "latest");
    }
    if (command.name == "put-wal") words.emplace_back("--no-checksum");
    if (takes_server) lines.push_back(words);
  }
  return lines;
}

TEST_F(RefusalsTest, EveryCommandSuggestsTheServerThatWasMeant) {
  for (const auto& words : lines_about("mian")) {
    const auto said = run_line(words);
    EXPECT_EQ(said.exit, Exit::not_found) << words[0];
    EXPECT_THAT(said.talk,
                AllOf(HasSubstr("no server 'mian' in " + config_.native()), HasSubstr("did you mean main?")))
        << words[0];
  }
  EXPECT_FALSE(std::filesystem::exists(directory_ / "mian"));
}

TEST_F(RefusalsTest, CommandsForTheLiveServerRefuseOneThatIsOutOfService) {
  for (const auto* command :
       {"backup", "check", "create-slot", "new-line", "receive-wal", "replication-status", "switch-wal"}) {
    const auto said = run_line({command, "main"});
    EXPECT_EQ(said.exit, Exit::usage) << command;
    EXPECT_THAT(said.talk, HasSubstr("server main is out of service (`active: false`")) << command;
  }
}

TEST_F(RefusalsTest, CommandsForWhatIsStoredSayThatNothingIs) {
  const auto name = segment(5);
  for (const Words& words : {Words{"adopt-wal", "spare"},
                             {"delete", "spare", "latest"},
                             {"get-wal", "spare", name},
                             {"list-files", "spare", "latest"},
                             {"new-line", "spare"},
                             {"pushed-wal", "spare"},
                             {"put-wal", "spare", name, "--no-checksum", "--file", "/dev/null"},
                             {"rebuild-catalog", "spare"},
                             {"recover", "spare", "latest", directory_ / "new"},
                             {"show-backup", "spare", "latest"},
                             {"switch-wal", "spare"},
                             {"verify-backup", "spare", "latest"},
                             {"verify-wal", "spare"},
                             {"wal-conflicts", "spare"}}) {
    const auto said = run_line(words);
    EXPECT_EQ(said.exit, Exit::not_found) << words[0];
    EXPECT_THAT(said.talk, HasSubstr("nothing is stored for server spare yet")) << words[0];
  }
  EXPECT_FALSE(std::filesystem::exists(directory_ / "spare")) << "asking makes no folder";
}

TEST_F(RefusalsTest, CommandsForBackupsNameThoseThatThereAre) {
  store_a_little();
  for (const Words& words : {Words{"delete", "main", "20261121"},
                             {"list-files", "main", "20261121"},
                             {"recover", "main", "20261121", directory_ / "new"},
                             {"show-backup", "main", "20261121"},
                             {"verify-backup", "main", "20261121"}}) {
    const auto said = run_line(words);
    EXPECT_EQ(said.exit, Exit::not_found) << words[0];
    EXPECT_THAT(said.talk, HasSubstr("server main has no backup '20261121'")) << words[0];
  }
}

TEST_F(RefusalsTest, AllDoesNotStandBesideNames) {
  for (const auto* command : {"list-backups", "list-wal", "show-server", "status", "rebuild-catalog"}) {
    const auto said = run_line({command, "all", "main"});
    EXPECT_EQ(said.exit, Exit::usage) << command;
    EXPECT_THAT(said.talk, HasSubstr("`all` cannot stand beside")) << command;
  }
}

TEST_F(RefusalsTest, AMissingRepositoryIsNamedAndNotMadeByAMistake) {
  std::filesystem::remove(directory_ / "repository.json");
  for (const Words& words : {Words{"list-wal", "main"}, {"show-backup", "main", "latest"}, {"reload"}}) {
    const auto said = run_line(words);
    EXPECT_EQ(said.exit, Exit::not_found) << words[0];
    EXPECT_THAT(said.talk, HasSubstr("no repository here")) << words[0];
  }
  EXPECT_EQ(run_line({"backup", "mian"}).exit, Exit::not_found);
  EXPECT_EQ(run_line({"backup", "main"}).exit, Exit::usage) << "it is out of service";
  EXPECT_FALSE(std::filesystem::exists(directory_ / "repository.json"));
}

TEST_F(RefusalsTest, TheJsonDocumentOfAFailureHasMessageAndExitCode) {
  const auto json = document({"show-server", "mian"});
  EXPECT_EQ(json.at("data"), nullptr);
  EXPECT_EQ(json.at("error").at("exit_code"), 3);
  EXPECT_THAT(json.at("error").at("message").get<std::string>(), HasSubstr("no server 'mian'"));
}

TEST_F(RefusalsTest, OneServerThatFailsDoesNotKeepTheOthersFromBeingListed) {
  store_a_little();
  io::make_directories(directory_ / "spare");
  io::write_file_durably(store::ServerLayout(directory_ / "spare").identity(), io::as_bytes("{}"));
  const Words words{"list-wal", "spare", "main"};
  EXPECT_EQ(run_line(words).exit, Exit::partly);
  const auto json = document(words);
  ASSERT_EQ(json.at("data").size(), 1u);
  EXPECT_EQ(json.at("data")[0].at("server"), "main");
  EXPECT_THAT(json.at("warnings").at(0).get<std::string>(), testing::StartsWith("spare: "));
  EXPECT_EQ(json.at("error").at("message"), "1 of 2 servers failed: spare");
  EXPECT_EQ(json.at("error").at("exit_code"), 5);
}

}  // namespace
}  // namespace pgkeep::server
