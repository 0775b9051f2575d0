#include "server/cli/shown_settings.h"

#include "server/config/setting_values.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {
namespace {

Json setting_json(const Setting& setting, const ServerConfig& server) {
  if (setting.name == "conninfo") return shown_setting(setting, server);
  return std::visit(
      [](const auto& value) -> Json {
        if constexpr (std::is_same_v<decltype(value), const std::chrono::milliseconds&>)
          return std::chrono::duration<double>(value).count();
        else
          return value;
      },
      setting_value(setting, server));
}

}  // namespace

std::string shown_setting(const Setting& setting, const ServerConfig& server) {
  return setting.name == "conninfo" ? streaming::describe_conninfo(server.conninfo)
                                    : setting_text(setting, server);
}

Json settings_json(const ServerConfig& server) {
  auto json = Json::object();
  for (const auto& setting : settings())
    if (setting.scope != Scope::top) json[std::string(setting.name)] = setting_json(setting, server);
  return json;
}

}  // namespace pgkeep::server
