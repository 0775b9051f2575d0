#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/io/file.h"
#include "server/cli/command_docs.h"
#include "server/cli/commands.h"
#include "server/config/config.h"
#include "server/config/config_docs.h"
#include "server/metrics/metrics.h"

namespace pgkeep::server {
namespace {

using ::testing::HasSubstr;

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
  const auto help = help_overview();
  for (const auto& command : commands())
    EXPECT_EQ(help.find(fmt::format("  {} ", command.name)) != help.npos, !command.hidden) << command.name;
}

TEST(HelpTest, ExplainsEveryArgumentAndOption) {
  for (const auto& command : commands()) {
    const auto help = help_for_command(command);
    const auto call = command.call();
    for (const auto& positional : call.syntax.positionals())
      EXPECT_THAT(help, HasSubstr(std::string(positional.name)));
    for (const auto& option : call.syntax.options())
      EXPECT_THAT(help, HasSubstr(std::string(long_name(option.names))));
  }
}

TEST(HelpTest, KeepsToAHundredColumnsButForExamples) {
  for (const auto& command : commands()) {
    auto text = help_for_command(command);
    text = text.substr(0, text.find("\nExamples:"));
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      const auto line = text.substr(at, end - at);
      const bool verbatim = line.starts_with("    ") && line.size() > 4 && line[4] != ' ';
      EXPECT_TRUE(verbatim || line.size() <= 110) << line;
      at = end + 1;
    }
  }
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
