#pragma once

#include <stop_token>
#include <string>

#include "catalog/store/layout.h"
#include "server/config.h"

namespace pgkeep::server {

/// Drops a server's slot so that it keeps no more WAL for us, and writes the event: protect_primary's last
/// step. `peer` is the host that has it (see open_streamed_node()). Nobody may be streaming over the slot.
/// Throws what keeps it from being dropped.
void give_up_slot(const ServerConfig& server, const std::string& peer, const store::ServerLayout& layout,
                  const std::string& cause, const std::stop_token& stop);

}  // namespace pgkeep::server
