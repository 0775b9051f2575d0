#pragma once

#include <string>

#include "server/config/config.h"

namespace pgkeep::server {

/// How to drop the slot of a server that is out of service: `pgkeep drop-slot …`, for a shell, without a
/// password. `inactive`: what the configuration still says of it; null: nothing.
std::string drop_command(const ServerConfig& server, const ServerConfig* inactive);

/// What is to be said of the slots that a changed configuration leaves on servers, where they make WAL be
/// kept for nobody: another slot, or hosts that are not named any more. Empty: none is left.
std::string slot_left_behind(const ServerConfig& before, const ServerConfig& after);

}  // namespace pgkeep::server
