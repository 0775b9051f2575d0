#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "server/health/control.h"

namespace pgkeep::server {

// What the daemon and who asks it say to each other. Reading throws nlohmann::json::exception or Corruption
// for what cannot be understood.

nlohmann::json to_json(const DaemonReport& report);
DaemonReport daemon_report_from(const nlohmann::json& json);

nlohmann::json to_json(const ReloadReport& report);
ReloadReport reload_report_from(const nlohmann::json& json);

}  // namespace pgkeep::server
