#pragma once

#include <string>

#include "server/cli/command.h"

namespace pgkeep::server {

/// What `pgkeep help` prints.
std::string help_overview();
/// What `pgkeep help COMMAND` prints.
std::string help_for_command(const Command& command);

/// docs/commands.md.
std::string command_reference();

}  // namespace pgkeep::server
