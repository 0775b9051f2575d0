#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {

/// Connects to the host that a server's WAL comes from: of a conninfo with several hosts to `peer`, as
/// Connection::peer() named it, since our slot is there and not on the others. While none is known (empty),
/// to the one that a receiver would choose: see streaming::choose_node(). Throws as Connection::open() does.
streaming::Connection open_streamed_node(const ServerConfig& server, const postgres::Endpoint& peer,
                                         streaming::ConnectionKind kind, const std::stop_token& stop);

/// What Connection::peer() will say of what leads to one host.
postgres::Endpoint expected_peer(const std::string& conninfo);

/// Of the hosts of a conninfo those that Connection::peer() would name so; all of them when none is.
std::vector<streaming::ConnectionSettings> nodes_of_peer(
    const std::vector<streaming::ConnectionSettings>& nodes, const postgres::Endpoint& peer);

}  // namespace pgkeep::server
