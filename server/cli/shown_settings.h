#pragma once

#include "server/config/settings.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// A setting of a server as one would write it; of the conninfo what may be shown.
std::string shown_setting(const Setting& setting, const ServerConfig& server);
/// All of them by name: a size is in bytes, a duration in seconds.
Json settings_json(const ServerConfig& server);

}  // namespace pgkeep::server
