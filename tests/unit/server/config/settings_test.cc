#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/config/setting_values.h"

namespace pgkeep::server {
namespace {

TEST(SettingsTest, HaveDefaultsAndSamplesThatPassTheirOwnCheck) {
  for (const auto& setting : settings()) {
    if (setting.scope == Scope::top) continue;
    ServerConfig config;
    if (!setting.default_text.empty()) {
      EXPECT_EQ(apply_setting(setting, setting.default_text, config), std::nullopt) << setting.name;
    }
    EXPECT_EQ(apply_setting(setting, setting.sample, config), std::nullopt) << setting.name;
  }
}

TEST(SettingsTest, HaveAMemberToGoIntoAndASentence) {
  for (const auto& setting : settings()) {
    EXPECT_TRUE(setting.sentence.ends_with('.')) << setting.name;
    const bool is_read_by_itself = setting.scope == Scope::top && setting.name.find('.') == setting.name.npos;
    EXPECT_EQ(is_read_by_itself, std::holds_alternative<std::monostate>(setting.member)) << setting.name;
  }
}

TEST(SettingsTest, AreFoundWhereTheyMayStand) {
  EXPECT_NE(find_setting("repository", Scope::top), nullptr);
  EXPECT_EQ(find_setting("repository", Scope::one_server), nullptr);
  EXPECT_NE(find_setting("slot", Scope::one_server), nullptr);
  EXPECT_NE(find_setting("slot", Scope::server), nullptr);
  EXPECT_EQ(find_setting("conninfo", Scope::server), nullptr);
}

TEST(SettingsTest, ShowTheirValuesAsOneWritesThem) {
  const auto config = default_server_config();
  const auto text = [&](std::string_view name) {
    return setting_text(*find_setting(name, Scope::one_server), config);
  };
  EXPECT_EQ(text("slot"), "pgkeep");
  EXPECT_EQ(text("create_slot"), "true");
  EXPECT_EQ(text("connect_timeout"), "10 s");
  EXPECT_EQ(text("checkpoint"), "fast");
  EXPECT_EQ(text("max_rate"), "0 (no limit)");
  EXPECT_EQ(text("compression_level"), "1");
  EXPECT_EQ(text("reserve"), "5%");
}

}  // namespace
}  // namespace pgkeep::server
