#pragma once

#include <span>

#include "server/cli/command.h"
#include "server/config/config.h"

namespace pgkeep::server {

/// All commands, by name.
std::span<const Command> commands();

/// By name or alias; null when there is none.
const Command* find_command(std::string_view name);

/// What every command takes, before or after its name.
struct GlobalArguments {
  std::filesystem::path config_file = kDefaultConfigFile;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  Output::Color color = Output::Color::automatic;
  bool help = false;
  bool version = false;

  void declare(Syntax& syntax);
};

}  // namespace pgkeep::server
