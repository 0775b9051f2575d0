#pragma once

#include "server/config/config.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What `list-servers --json` tells, without passwords: [{"name":…,"description":…,"active":…,"conninfo":…}].
Json server_list_json(const std::vector<ServerConfig>& servers);

}  // namespace pgkeep::server
