#include "server/config/setting_values.h"

#include <ostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pgkeep::server {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMiB = 1 << 20;

const Setting& setting(std::string_view name) {
  return *find_setting(name, Scope::one_server);
}
/// What is wrong with that value; "taken" when nothing is.
std::string problem(const Setting& setting, std::string_view text) {
  ServerConfig server;
  JobLimits limits;
  FleetHookConfig hooks;
  NotifyConfig notify;
  const auto apply = [&] {
    if (setting.scope != Scope::top) return apply_setting(setting, text, server);
    if (setting.name.starts_with("hooks.")) return apply_setting(setting, text, hooks);
    if (setting.name.starts_with("notify.")) return apply_setting(setting, text, notify);
    return apply_setting(setting, text, limits);
  };
  return apply().value_or("taken");
}
bool has_range(const Setting& setting) {
  return setting.type == SettingType::number || setting.type == SettingType::size ||
         setting.type == SettingType::duration;
}
/// As one writes it, to the last byte and millisecond.
std::string exactly(const Setting& setting, std::int64_t value) {
  return std::to_string(value) + (setting.type == SettingType::duration ? "ms" : "");
}

std::int64_t number_of(const Setting& setting, const ServerConfig& config) {
  if (const auto* size = std::get_if<std::uint64_t ServerConfig::*>(&setting.member))
    return static_cast<std::int64_t>(config.*(*size));
  if (const auto* duration = std::get_if<std::chrono::milliseconds ServerConfig::*>(&setting.member))
    return (config.*(*duration)).count();
  return config.*std::get<bool ServerConfig::*>(setting.member) ? 1 : 0;
}

struct Value {
  std::string_view name;
  std::string_view text;
  std::int64_t number;  // bytes, milliseconds, 0 and 1 for false and true
};

void PrintTo(const Value& value, std::ostream* out) {
  *out << value.name << ": " << value.text;
}

class SettingValueTest : public ::testing::TestWithParam<Value> {};

TEST_P(SettingValueTest, IsReadInItsUnit) {
  const auto& [name, text, number] = GetParam();
  ServerConfig config;
  ASSERT_EQ(apply_setting(setting(name), text, config), std::nullopt);
  EXPECT_EQ(number_of(setting(name), config), number);
}

INSTANTIATE_TEST_SUITE_P(
    Units, SettingValueTest,
    ::testing::Values(Value{"status_interval", "500ms", 500}, Value{"status_interval", "3s", 3 * kSecond},
                      Value{"watch_interval", "2min", 120 * kSecond},
                      Value{"longest_retry", "24h", 24 * 3600 * kSecond},
                      Value{"max_rate", "512KiB", kMiB / 2}, Value{"max_rate", "512kB", kMiB / 2},
                      Value{"max_rate", "50 MiB", 50 * kMiB}, Value{"max_rate", "1048576", kMiB},
                      Value{"max_rate", "0", 0}, Value{"pushed_wal.most_bytes", "2TiB", 2 * kMiB* kMiB},
                      Value{"backup_workers", "0", 0}));

INSTANTIATE_TEST_SUITE_P(Words, SettingValueTest,
                         ::testing::Values(Value{"active", "true", 1}, Value{"active", "yes", 1},
                                           Value{"active", "on", 1}, Value{"active", "false", 0},
                                           Value{"active", "no", 0}, Value{"active", "off", 0},
                                           Value{"create_slot", "auto", 1},
                                           Value{"create_slot", "manual", 0}));

TEST(SettingRangeTest, ReachesFromTheLeastToTheMost) {
  for (const auto& setting : settings()) {
    if (!has_range(setting)) continue;
    EXPECT_EQ(problem(setting, exactly(setting, setting.least)), "taken") << setting.name;
    EXPECT_EQ(problem(setting, exactly(setting, setting.most)), "taken") << setting.name;
    for (const auto beyond : {setting.least - 1, setting.most + 1}) {
      if (beyond == 0 && !setting.zero.empty()) continue;
      const auto text = exactly(setting, beyond);
      EXPECT_THAT(problem(setting, text), AllOf(StartsWith(text + " is out of range: "),
                                                HasSubstr(describe_type(setting)), EndsWith(" is expected")))
          << setting.name;
    }
  }
}

TEST(SettingRangeTest, HasAZeroOnlyWhereThatHasAMeaning) {
  for (const auto& setting : settings()) {
    if (!has_range(setting)) continue;
    const bool taken = problem(setting, exactly(setting, 0)) == "taken";
    EXPECT_EQ(taken, !setting.zero.empty()) << setting.name;
  }
}

TEST(SettingTypeTest, IsNamedForAValueOfAnother) {
  for (const auto& setting : settings()) {
    if (setting.scope == Scope::top || setting.type == SettingType::text) continue;
    for (const std::string text : {"nonsense", "1 parsec", "-1", "99999999999999999999", "1.5.2", ""}) {
      EXPECT_THAT(problem(setting, text),
                  AllOf(HasSubstr(describe_type(setting)), HasSubstr("expected"), HasSubstr(text)))
          << setting.name;
    }
  }
}

TEST(SettingTypeTest, LeavesTheConfigurationAsItWasForABadValue) {
  for (const auto& setting : settings()) {
    if (setting.scope == Scope::top || setting.name == "description") continue;
    auto config = default_server_config();
    ASSERT_NE(apply_setting(setting, "", config), std::nullopt) << setting.name;
    EXPECT_EQ(config, default_server_config()) << setting.name;
  }
}

TEST(SettingTypeTest, ValuesAsShownAreReadBackAsTheSame) {
  for (const auto& setting : settings()) {
    if (setting.scope == Scope::top) continue;
    ServerConfig config;
    ASSERT_EQ(apply_setting(setting, setting.sample, config), std::nullopt) << setting.name;
    ServerConfig again;
    ASSERT_EQ(apply_setting(setting, setting_text(setting, config), again), std::nullopt) << setting.name;
    EXPECT_EQ(again, config) << setting.name;
  }
}

TEST(SettingTypeTest, AReserveIsAShareOrASize) {
  for (const auto* good : {"5%", "50%", "20GiB", "0"}) EXPECT_EQ(problem(setting("reserve"), good), "taken");
  for (const auto* bad : {"51%", "5", "1023KiB", "a lot"})
    EXPECT_NE(problem(setting("reserve"), bad), "taken") << bad;
  EXPECT_THAT(problem(setting("reserve"), "51%"), HasSubstr("a share of at most 50%"));
}

TEST(SettingTextTest, ConninfoIsWhatLibpqReads) {
  EXPECT_EQ(problem(setting("conninfo"), "host=a port=5433 user='an odd one'"), "taken");
  EXPECT_EQ(problem(setting("conninfo"), "postgresql://pgkeep@a:5433/postgres"), "taken");
  EXPECT_THAT(problem(setting("conninfo"), "hots=a"), HasSubstr("hots"));
  EXPECT_NE(problem(setting("conninfo"), "host='a"), "taken");
}

TEST(SettingTextTest, SlotIsANameThatPostgresTakes) {
  EXPECT_EQ(problem(setting("slot"), "pgkeep_2"), "taken");
  EXPECT_EQ(problem(setting("slot"), std::string(63, 'a')), "taken");
  for (const std::string bad : {"Pgkeep", "pg-keep", "pg keep", "pg.keep", "ä"})
    EXPECT_NE(problem(setting("slot"), bad), "taken") << bad;
  EXPECT_NE(problem(setting("slot"), std::string(64, 'a')), "taken");
}

TEST(SettingTextTest, OnlyADescriptionMayBeEmpty) {
  EXPECT_EQ(problem(setting("description"), ""), "taken");
  for (const auto* name : {"slot", "application_name", "conninfo"})
    EXPECT_EQ(problem(setting(name), ""), "has no value") << name;
}

}  // namespace
}  // namespace pgkeep::server
