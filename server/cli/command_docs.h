#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "server/cli/command.h"

namespace pgkeep::server {

/// Characters that a line of help may have: as many as the terminal has, within what can be read well; 80
/// when there is no terminal.
std::size_t help_width(std::optional<std::size_t> terminal);

/// What `pgkeep help` prints, in lines of at most `width` characters.
std::string help_overview(std::size_t width);
/// What `pgkeep help COMMAND` prints. What is to be copied (commands, lines of configuration) is not broken.
std::string help_for_command(const Command& command, std::size_t width);

/// What holds for all commands (servers, backups, exit codes, output), in Markdown.
std::string_view command_conventions();

/// docs/commands.md.
std::string command_reference();

}  // namespace pgkeep::server
