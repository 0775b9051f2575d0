#pragma once

#include <string>
#include <vector>

#include "server/health/finding.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// [{"name":…,"result":…,"severity":…,"finding":…,"hint":…,"since":…}].
Json checks_json(const std::vector<Finding>& findings);
/// What `check --json` tells of a server: {"server":…,"ok":…,"checks":as above}. It is ok when no finding is
/// that something failed.
Json check_json(const std::string& server, const std::vector<Finding>& findings);

}  // namespace pgkeep::server
