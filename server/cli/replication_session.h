#pragma once

#include <stop_token>

#include "server/config/config.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {

/// A physical connection to the cluster that the repository holds for this server, or to any when it holds
/// none yet. Throws Refused for another cluster.
streaming::Connection open_known_server(const Config& config, const ServerConfig& server,
                                        const std::stop_token& stop);

}  // namespace pgkeep::server
