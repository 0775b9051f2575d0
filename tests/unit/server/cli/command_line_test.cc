#include "server/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "server/cli/backup.h"
#include "server/cli/commands.h"
#include "server/cli/recovery_request.h"
#include "server/cli/replication_status.h"
#include "server/cli/status.h"
#include "server/cli/words_of_others.h"

namespace pgkeep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Arguments>
Arguments given(const std::vector<std::string>& texts) {
  Arguments arguments;
  Syntax syntax;
  arguments.declare(syntax);
  read_arguments("command", texts, syntax);
  return arguments;
}

std::string error_of(const std::vector<std::string>& arguments) {
  try {
    parse_command_line(arguments);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(CommandLineTest, TakesGlobalOptionsBeforeAndAfterTheCommand) {
  const std::vector<std::vector<std::string>> lines{
      {"-c", "/etc/a.yaml", "--json", "-q", "backup", "main"},
      {"backup", "main", "-q", "--json", "-c", "/etc/a.yaml"},
      {"--config=/etc/a.yaml", "backup", "--json", "main", "--quiet"},
  };
  for (const auto& arguments : lines) {
    const auto line = parse_command_line(arguments);
    EXPECT_EQ(line.command->name, "backup");
    EXPECT_EQ(line.config_file, "/etc/a.yaml");
    EXPECT_EQ(line.format, Output::Format::json);
    EXPECT_EQ(line.talk, Output::Talk::quiet);
  }
}

TEST(CommandLineTest, TakesServerAddAndServerRemoveForOneWord) {
  EXPECT_EQ(parse_command_line({"-c", "/etc/a.yaml", "server", "add", "a", "host=pg1"}).command->name,
            "add-server");
  EXPECT_EQ(parse_command_line({"server", "remove", "a", "--keep-slot"}).command->name, "remove-server");
  EXPECT_EQ(parse_command_line({"help", "server", "add"}).command->name, "add-server");
  EXPECT_EQ(look_at({"server", "add"}).command->name, "add-server");
  EXPECT_EQ(parse_command_line({"status", "server", "add"}).command->name, "status") << "names of servers";
  EXPECT_THAT(error_of({"server"}), HasSubstr("`pgkeep add-server NAME CONNINFO`"));
}

TEST(CommandLineTest, ReadsTheConfigurationOfTheSystemUnlessAnotherIsNamed) {
  EXPECT_EQ(parse_command_line({"list-servers"}).config_file, "/etc/pgkeep/pgkeep.yaml");
}

TEST(CommandLineTest, FillsArgumentsInTheirOrder) {
  const auto arguments =
      given<RecoverArguments>({"main", "latest", "--jobs", "2", "/srv/pg", "--target-immediate"});
  EXPECT_EQ(arguments.server, "main");
  EXPECT_EQ(arguments.backup, "latest");
  EXPECT_EQ(arguments.destination, "/srv/pg");
  EXPECT_EQ(arguments.jobs, 2u);
  EXPECT_TRUE(arguments.target_immediate);
  EXPECT_FALSE(arguments.exclusive);
}

TEST(CommandLineTest, CollectsRepeatedOptionsWithoutTakingWhatFollows) {
  const auto arguments =
      given<RecoverArguments>({"--tablespace", "a:/x", "main", "--tablespace", "b:/y", "latest", "/srv/pg"});
  ASSERT_EQ(arguments.tablespaces.size(), 2u);
  EXPECT_EQ(arguments.tablespaces[0].tablespace, "a");
  EXPECT_EQ(arguments.tablespaces[1].place, "/y");
  EXPECT_EQ(arguments.server, "main");
}

TEST(CommandLineTest, TakesSeveralServersAndNone) {
  EXPECT_THAT(given<SomeServers>({"a", "b"}).servers, ElementsAre("a", "b"));
  EXPECT_THAT(given<AnyServers>({}).servers, ElementsAre());
}

TEST(CommandLineTest, LeavesFieldsAsTheyAreWhenNothingIsGiven) {
  const auto arguments = given<BackupArguments>({"main"});
  EXPECT_EQ(arguments.label, std::nullopt);
  EXPECT_EQ(arguments.fast_checkpoint, std::nullopt);
  EXPECT_EQ(arguments.max_rate, std::nullopt);
  EXPECT_EQ(arguments.jobs, std::nullopt);
  EXPECT_FALSE(arguments.no_verify_checksums);
}

TEST(CommandLineTest, TurnsTextsIntoTheTypesOfTheFields) {
  const auto arguments =
      given<BackupArguments>({"main", "--checkpoint", "spread", "--max-rate", "50MiB", "-j", "12"});
  EXPECT_EQ(arguments.fast_checkpoint, false);
  EXPECT_EQ(arguments.max_rate, 50u << 20);
  EXPECT_EQ(arguments.jobs, 12u);
  EXPECT_EQ(given<ReplicationStatusArguments>({"--target", "all"}).kind, std::nullopt);
  EXPECT_EQ(given<ReplicationStatusArguments>({"--target", "hot-standby"}).kind,
            ReplicationClient::Kind::standby);
}

TEST(CommandLineTest, TakesWhatFollowsTwoDashesForArguments) {
  const auto arguments = given<RecoverArguments>({"--dry-run", "--", "main", "latest", "--odd-name"});
  EXPECT_EQ(arguments.destination, "--odd-name");
  EXPECT_TRUE(arguments.dry_run);
  EXPECT_THAT(given<AnyServers>({"--", "--json", "--"}).servers, ElementsAre("--json", "--"));
  EXPECT_EQ(parse_command_line({"--", "status", "--json", "--"}).format, Output::Format::text);
  EXPECT_THAT(error_of({"recover", "main", "latest", "--", "/srv/pg", "--more"}),
              HasSubstr("unexpected argument '--more'"));
}

TEST(CommandLineTest, LetsAServerHaveTheNameOfACommand) {
  const auto line = parse_command_line({"backup", "status", "delete"});
  EXPECT_EQ(line.command->name, "backup");
  EXPECT_THAT(given<SomeServers>({"status", "delete"}).servers, ElementsAre("status", "delete"));
}

TEST(CommandLineTest, KnowsTheWordsOfBarman) {
  const std::vector<std::pair<std::string, std::string>> aliases{{"restore", "recover"},
                                                                 {"list-server", "list-servers"},
                                                                 {"list-backup", "list-backups"},
                                                                 {"show-servers", "show-server"}};
  for (const auto& [alias, name] : aliases) {
    ASSERT_NE(find_command(alias), nullptr) << alias;
    EXPECT_EQ(find_command(alias)->name, name);
  }
}

TEST(CommandLineTest, AnswersTheCommandsOfBarmanPgBackRestAndWalG) {
  for (const auto* word : {"archive-wal",
                           "backup",
                           "check",
                           "check-backup",
                           "config-switch",
                           "config-update",
                           "cron",
                           "delete",
                           "diagnose",
                           "generate-manifest",
                           "get-wal",
                           "keep",
                           "list-backups",
                           "list-files",
                           "list-processes",
                           "list-servers",
                           "put-wal",
                           "rebuild-xlogdb",
                           "receive-wal",
                           "recover",
                           "restore",
                           "replication-status",
                           "show-backup",
                           "show-servers",
                           "status",
                           "switch-wal",
                           "switch-xlog",
                           "sync-backup",
                           "sync-info",
                           "sync-wals",
                           "terminate-process",
                           "verify-backup",
                           "verify",
                           "lock-directory-cleanup",
                           "annotate",
                           "archive-get",
                           "archive-push",
                           "expire",
                           "info",
                           "repo-get",
                           "repo-ls",
                           "stanza-create",
                           "stanza-delete",
                           "stanza-upgrade",
                           "start",
                           "stop",
                           "version",
                           "backup-fetch",
                           "backup-list",
                           "backup-push",
                           "backup-show",
                           "wal-fetch",
                           "wal-push",
                           "wal-show"}) {
    if (find_command(word) != nullptr) continue;
    const std::string answer(answer_to_command(word));
    EXPECT_FALSE(answer.empty()) << word;
    EXPECT_THAT(error_of({word}), HasSubstr(answer));
    const std::string_view ours = "`pgkeep ";
    for (auto at = answer.find(ours); at != std::string::npos; at = answer.find(ours, at + 1)) {
      const auto begin = at + ours.size();
      const auto named = answer.substr(begin, answer.find_first_of(" `", begin) - begin);
      EXPECT_TRUE(named == "--version" || find_command(named) != nullptr) << word << ": " << named;
    }
  }
}

TEST(CommandLineTest, AnswersTheOptionsOfBarmanAndPgBackRest) {
  EXPECT_THAT(error_of({"backup", "--stanza=main"}), HasSubstr("named as arguments"));
  EXPECT_THAT(error_of({"backup", "main", "--wait"}), HasSubstr("always waits"));
  EXPECT_THAT(error_of({"restore", "main", "--set", "x"}), HasSubstr("recover SERVER BACKUP DEST"));
  EXPECT_THAT(error_of({"recover", "main", "latest", "/srv/pg", "--type=time"}), HasSubstr("--target-time"));
  EXPECT_THAT(error_of({"check", "main", "--format=json"}), HasSubstr("--json"));
}

TEST(CommandLineTest, SaysWhatIsWrongAndWhatWasMeant) {
  EXPECT_EQ(error_of({"bakup", "main"}), "unknown command 'bakup'; did you mean backup?");
  EXPECT_THAT(error_of({"frobnicate"}), HasSubstr("`pgkeep help` lists them"));
  EXPECT_THAT(error_of({}), HasSubstr("no command"));
  EXPECT_THAT(error_of({"backup"}), HasSubstr("backup: SERVER is missing"));
  EXPECT_THAT(error_of({"show-backup", "main"}), HasSubstr("BACKUP is missing"));
  EXPECT_THAT(error_of({"backup", "main", "--jbos", "2"}),
              HasSubstr("unknown option --jbos; did you mean --jobs?"));
  EXPECT_THAT(error_of({"show-backup", "main", "latest", "more"}), HasSubstr("unexpected argument 'more'"));
  EXPECT_THAT(error_of({"backup", "main", "--label"}), HasSubstr("--label"));
  EXPECT_THAT(error_of({"-q", "-v", "list-servers"}), HasSubstr("exclude each other"));
}

TEST(CommandLineTest, UnderstandsHelpInAnyForm) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"help", "backup"}, {"backup", "--help"}, {"--help", "backup"}, {"backup", "-h", "main"}}) {
    const auto line = parse_command_line(arguments);
    EXPECT_TRUE(line.help);
    ASSERT_NE(line.command, nullptr);
    EXPECT_EQ(line.command->name, "backup");
  }
  EXPECT_TRUE(parse_command_line({"help"}).help);
  EXPECT_TRUE(parse_command_line({"--version"}).version);
}

TEST(FirstLookTest, SeesCommandAndFormatOfALineThatIsWrong) {
  const auto look = look_at({"--json", "get-wal", "--nonsense"});
  ASSERT_NE(look.command, nullptr);
  EXPECT_EQ(look.command->name, "get-wal");
  EXPECT_EQ(look.format, Output::Format::json);
}

TEST(CommandLineTest, RefusesWhatDoesNotFitTheField) {
  for (const std::string jobs : {"0", "65", "12x", "-1", "99999999999999999999"}) {
    EXPECT_EQ(error_of({"verify-wal", "main", "--jobs=" + jobs}),
              "--jobs: a number from 1 to 64 is expected, not '" + jobs + "'");
  }
  EXPECT_EQ(error_of({"backup", "main", "--checkpoint", "slow"}),
            "--checkpoint: fast or spread is expected, not 'slow'");
  EXPECT_EQ(error_of({"backup", "main", "--max-rate", "1KiB"}),
            "--max-rate: 0 or a size from 32KiB to 1GiB is expected, not '1KiB'");
  EXPECT_THAT(error_of({"recover", "main", "auto", "/srv/pg", "--target-lsn", "x"}),
              HasSubstr("--target-lsn"));
}

}  // namespace
}  // namespace pgkeep::server
