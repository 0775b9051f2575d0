#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "catalog/store/layout.h"
#include "server/health/checks.h"
#include "server/health/live_facts.h"
#include "server/health/stream_facts.h"

namespace pgkeep::server {

/// The part of check_server() that asks the live server; appends to `checks`. Returns what the server said,
/// nothing when it could not be asked.
std::optional<LiveFacts> check_live_server(const ServerConfig& server,
                                           const std::optional<store::ServerLayout>& layout,
                                           const std::optional<DaemonReport>& daemon,
                                           std::vector<Check>& checks, const std::stop_token& stop);

}  // namespace pgkeep::server
