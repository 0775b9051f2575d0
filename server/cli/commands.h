#pragma once

#include <span>

#include "server/cli/command.h"

namespace pgkeep::server {

/// All commands, by name.
std::span<const Command> commands();

/// By name or alias; null when there is none.
const Command* find_command(std::string_view name);

/// The options that every command takes, before or after its name.
std::span<const Option> global_options();

}  // namespace pgkeep::server
