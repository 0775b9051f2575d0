#include "server/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/error.h"
#include "server/cli/commands.h"

namespace pgkeep::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
    EXPECT_THAT(line.arguments.values("SERVER"), ElementsAre("main"));
  }
}

TEST(CommandLineTest, ReadsTheConfigurationOfTheSystemUnlessAnotherIsNamed) {
  EXPECT_EQ(parse_command_line({"list-servers"}).config_file, "/etc/pgkeep/pgkeep.yaml");
}

TEST(CommandLineTest, FillsArgumentsInTheirOrder) {
  const auto line =
      parse_command_line({"recover", "main", "latest", "--jobs", "2", "/srv/pg", "--target-immediate"});
  EXPECT_EQ(line.arguments.required("SERVER"), "main");
  EXPECT_EQ(line.arguments.required("BACKUP"), "latest");
  EXPECT_EQ(line.arguments.required("DEST"), "/srv/pg");
  EXPECT_EQ(line.arguments.number("--jobs", 1, 64), 2u);
  EXPECT_TRUE(line.arguments.has("--target-immediate"));
  EXPECT_FALSE(line.arguments.has("--exclusive"));
}

TEST(CommandLineTest, CollectsRepeatedOptionsWithoutTakingWhatFollows) {
  const auto line = parse_command_line(
      {"recover", "--tablespace", "a:/x", "main", "--tablespace", "b:/y", "latest", "/srv/pg"});
  EXPECT_THAT(line.arguments.values("--tablespace"), ElementsAre("a:/x", "b:/y"));
  EXPECT_EQ(line.arguments.required("SERVER"), "main");
}

TEST(CommandLineTest, TakesSeveralServersAndNone) {
  EXPECT_THAT(parse_command_line({"backup", "a", "b"}).arguments.values("SERVER"), ElementsAre("a", "b"));
  EXPECT_THAT(parse_command_line({"status"}).arguments.values("SERVER"), ElementsAre());
}

TEST(CommandLineTest, TakesWhatFollowsTwoDashesForArguments) {
  const auto line = parse_command_line({"recover", "--dry-run", "--", "main", "latest", "--odd-name"});
  EXPECT_EQ(line.arguments.required("DEST"), "--odd-name");
  EXPECT_TRUE(line.arguments.has("--dry-run"));
  EXPECT_THAT(parse_command_line({"--", "status", "--json", "--"}).arguments.values("SERVER"),
              ElementsAre("--json", "--"));
  EXPECT_THAT(error_of({"recover", "main", "latest", "--", "/srv/pg", "--more"}),
              HasSubstr("unexpected argument '--more'"));
}

TEST(CommandLineTest, LetsAServerHaveTheNameOfACommand) {
  const auto line = parse_command_line({"backup", "status", "delete"});
  EXPECT_EQ(line.command->name, "backup");
  EXPECT_THAT(line.arguments.values("SERVER"), ElementsAre("status", "delete"));
}

TEST(CommandLineTest, KnowsTheWordsOfBarman) {
  const std::vector<std::pair<std::string, std::string>> aliases{{"restore", "recover"},
                                                                 {"verify", "verify-backup"},
                                                                 {"list-server", "list-servers"},
                                                                 {"list-backup", "list-backups"},
                                                                 {"show-servers", "show-server"}};
  for (const auto& [alias, name] : aliases) {
    ASSERT_NE(find_command(alias), nullptr) << alias;
    EXPECT_EQ(find_command(alias)->name, name);
  }
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

TEST(ArgumentsTest, RefusesWhatIsNotANumberInRange) {
  Arguments arguments;
  arguments.add("--jobs", {"0"});
  EXPECT_THROW(arguments.number("--jobs", 1, 64), UsageError);
  arguments.add("--jobs", {"12x"});
  EXPECT_THROW(arguments.number("--jobs", 1, 64), UsageError);
  arguments.add("--jobs", {"12"});
  EXPECT_EQ(arguments.number("--jobs", 1, 64), 12u);
  EXPECT_EQ(arguments.number("--other", 1, 64), std::nullopt);
}

TEST(ArgumentsTest, RefusesAFlagAndItsOpposite) {
  Arguments arguments;
  EXPECT_EQ(arguments.flag("--get-wal", "--no-get-wal"), std::nullopt);
  arguments.add("--no-get-wal", {"true"});
  EXPECT_EQ(arguments.flag("--get-wal", "--no-get-wal"), false);
  arguments.add("--get-wal", {"true"});
  EXPECT_THROW(arguments.flag("--get-wal", "--no-get-wal"), UsageError);
}

}  // namespace
}  // namespace pgkeep::server
