#include <filesystem>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "catalog/io/file.h"
#include "server/health/finding.h"
#include "server/metrics/metrics.h"

namespace pgkeep::server {
namespace {

using testing::Contains;
using testing::Not;
using testing::SizeIs;

const std::filesystem::path kEtc = std::filesystem::path(PGKEEP_SOURCE_DIR) / "etc";

std::string content(const std::filesystem::path& path) {
  const auto bytes = io::read_whole_file(path, 1 << 20);
  return std::string(io::as_text(bytes));
}

/// Of a histogram, its parts too.
std::set<std::string> names_that_are_told() {
  std::set<std::string> names;
  for (const auto& metric : metrics()) {
    names.emplace(metric.name);
    if (metric.type != "histogram") continue;
    for (const auto* part : {"_bucket", "_sum", "_count"}) names.insert(std::string(metric.name) + part);
  }
  return names;
}

std::set<std::string> names_in(const std::string& text) {
  static const std::regex kName("pgkeep_[a-z0-9_]+");
  return {std::sregex_token_iterator(text.begin(), text.end(), kName), std::sregex_token_iterator()};
}

/// What they ask of a board or a rule that knows no such metric is nothing, and nobody is told.
void expect_only_metrics_that_are_told(const std::string& text) {
  const auto told = names_that_are_told();
  for (const auto& name : names_in(text)) EXPECT_THAT(told, Contains(name));
}

TEST(AlertRulesTest, AskOnlyForMetricsThatAreTold) {
  expect_only_metrics_that_are_told(content(kEtc / "prometheus" / "pgkeep.rules.yml"));
}

/// A fault that no finding tells of proves nothing.
TEST(AlertRulesTest, AreTriedAtFindingsThatThereAre) {
  const auto tests = content(kEtc.parent_path() / "tests" / "monitoring" / "pgkeep.rules.test.yml");
  static const std::regex kKey("key=\"([a-z_]+)\"");
  const auto keys = finding_keys();
  std::size_t found = 0;
  for (std::sregex_iterator it(tests.begin(), tests.end(), kKey); it != std::sregex_iterator(); ++it, ++found)
    EXPECT_THAT(keys, Contains((*it)[1].str()));
  EXPECT_GT(found, 3U);
}

TEST(BoardTest, AsksOnlyForMetricsThatAreTold) {
  const auto board = nlohmann::json::parse(content(kEtc / "grafana" / "pgkeep-fleet.json"));
  EXPECT_THAT(board.at("panels"), Not(SizeIs(0)));
  for (const auto& panel : board.at("panels"))
    for (const auto& target : panel.at("targets"))
      expect_only_metrics_that_are_told(target.at("expr").get<std::string>());
}

}  // namespace
}  // namespace pgkeep::server
