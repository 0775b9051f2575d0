#pragma once

#include <stop_token>
#include <string>

#include "catalog/postgres/endpoint.h"
#include "catalog/postgres/timeline.h"
#include "catalog/store/layout.h"
#include "server/config/config.h"

namespace pgkeep::server {

/// Drops a server's slot so that it keeps no more WAL for us, and writes the event: protect_primary's last
/// step. `peer` is the host that has it (see open_streamed_node()). Nobody may be streaming over the slot.
///
/// Looks again first: false, and nothing is done, when there is no such physical slot any more or it keeps
/// less than protect_primary allows. Throws Refused for a slot that pgkeep has not made, and what keeps it
/// from being dropped.
bool give_up_slot(const ServerConfig& server, const postgres::Endpoint& peer,
                  const store::ServerLayout& layout, const std::string& cause, const std::stop_token& stop);

/// Whether pgkeep made the server's slot on `peer`. Of a conninfo with one host its name does not matter: it
/// may have been changed since. Throws StorageError, Corruption.
bool made_here(const ServerConfig& server, const store::ServerLayout& layout,
               postgres::SystemIdentifier system, const postgres::Endpoint& peer);

}  // namespace pgkeep::server
