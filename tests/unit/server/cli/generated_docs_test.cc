#include <filesystem>
#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "server/cli/command_docs.h"
#include "server/cli/command_words.h"
#include "server/cli/commands.h"
#include "server/config/config.h"
#include "server/config/config_docs.h"
#include "server/metrics/metrics.h"
#include "server/terminal/wrapped_text.h"

namespace pgkeep::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::filesystem::path kTree = PGKEEP_SOURCE_DIR;

std::string content(const std::filesystem::path& path) {
  const auto bytes = io::read_whole_file(path, 1 << 20);
  return std::string(io::as_text(bytes));
}

constexpr const char* kRemedy = "run `pgkeep generate-docs` with the source tree as its argument";

TEST(GeneratedDocsTest, ConfigurationPageIsUpToDate) {
  EXPECT_TRUE(content(kTree / "docs" / "configuration.md") == configuration_reference()) << kRemedy;
}

TEST(GeneratedDocsTest, SampleConfigurationIsUpToDate) {
  EXPECT_TRUE(content(kTree / "etc" / "pgkeep.yaml") == sample_configuration()) << kRemedy;
}

TEST(GeneratedDocsTest, CommandsPageIsUpToDate) {
  EXPECT_TRUE(content(kTree / "docs" / "commands.md") == command_reference()) << kRemedy;
}

TEST(GeneratedDocsTest, MetricsPageIsUpToDate) {
  EXPECT_TRUE(content(kTree / "docs" / "metrics.md") == metrics_document()) << kRemedy;
}

TEST(GeneratedDocsTest, SampleConfigurationIsValid) {
  const auto config = load_config(kTree / "etc" / "pgkeep.yaml");
  EXPECT_EQ(config.repository, "/var/lib/pgkeep");
  ASSERT_EQ(config.servers.size(), 1u);
  EXPECT_EQ(config.servers[0].description, "orders database");
}

TEST(HelpTest, NamesEveryCommandButTheHiddenOnes) {
  const auto help = help_overview(80);
  for (const auto& command : commands())
    EXPECT_EQ(help.find(fmt::format("  {} ", command.name)) != help.npos, !command.hidden) << command.name;
}

TEST(HelpTest, ExplainsEveryArgumentAndOption) {
  for (const auto& command : commands()) {
    const auto help = help_for_command(command, 80);
    const auto call = command.call();
    for (const auto& positional : call.syntax.positionals())
      EXPECT_THAT(help, HasSubstr(std::string(positional.name)));
    for (const auto& option : call.syntax.options())
      EXPECT_THAT(help, HasSubstr(std::string(long_name(option.names))));
  }
}

/// The lines that are longer, but for what is to be copied: examples, and code in the details.
std::vector<std::string> too_long(const std::string& help, std::size_t width) {
  std::vector<std::string> lines;
  std::istringstream in(help);
  for (std::string line; std::getline(in, line);) {
    const bool example = line.starts_with("  pgkeep ");
    const bool code = line.starts_with("    ") && line.size() > 4 && line[4] != ' ';
    if (!example && !code && width_of(line) > width) lines.push_back(line);
  }
  return lines;
}

TEST(HelpTest, KeepsToTheWidthOfTheTerminal) {
  for (const std::size_t width : {60, 80, 100}) {
    EXPECT_THAT(too_long(help_overview(width), width), IsEmpty()) << width;
    for (const auto& command : commands())
      EXPECT_THAT(too_long(help_for_command(command, width), width), IsEmpty()) << command.name;
  }
}

TEST(HelpTest, FitsEightyColumnsWhereThereIsNoTerminal) {
  EXPECT_EQ(help_width(std::nullopt), 80u);
  EXPECT_EQ(help_width(72), 72u);
  EXPECT_EQ(help_width(300), 100u);
  EXPECT_EQ(help_width(3), 60u);
}

TEST(HelpTest, LaysOutNamesWithTheirMeaningAgain) {
  const auto paragraphs =
      paragraphs_of("Two:\n\n    one     first,\n            again\n    another   second");
  ASSERT_EQ(paragraphs.size(), 2u);
  EXPECT_EQ(paragraphs[0].kind, Paragraph::Kind::prose);
  ASSERT_EQ(paragraphs[1].terms.size(), 2u);
  EXPECT_EQ(paragraphs[1].terms[0].meaning, "first, again");
  EXPECT_EQ(paragraphs[1].terms[1].name, "another");
}

TEST(HelpTest, LeavesWhatIsToBeCopiedAsItIs) {
  const auto paragraphs = paragraphs_of("    archive_command = 'pgkeep put-wal main %f'");
  ASSERT_EQ(paragraphs.size(), 1u);
  EXPECT_EQ(paragraphs[0].kind, Paragraph::Kind::code);
}

TEST(CommandTableTest, IsCompleteForEveryCommand) {
  for (const auto& command : commands()) {
    EXPECT_NE(command.call, nullptr) << command.name;
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_FALSE(command.summary.ends_with('.')) << command.name;
    EXPECT_TRUE(command.hidden || !command.examples.empty()) << command.name;
  }
}

}  // namespace
}  // namespace pgkeep::server
