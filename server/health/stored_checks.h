#pragma once

#include <optional>
#include <vector>

#include "catalog/store/layout.h"
#include "server/health/checks.h"
#include "server/health/live_facts.h"

namespace pgkeep::server {

/// The part of check_server() that looks at what is stored; appends to `checks`. `live` tells how far behind
/// it is.
void check_stored(const ServerConfig& server, const store::ServerLayout& layout,
                  const std::optional<LiveFacts>& live, std::vector<Check>& checks);

}  // namespace pgkeep::server
