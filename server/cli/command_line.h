#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "server/cli/command.h"

namespace pgkeep::server {

/// The command line, understood.
struct CommandLine {
  const Command* command = nullptr;  // null: help or version without a command
  bool help = false;
  bool version = false;
  std::filesystem::path config_file;
  Output::Format format = Output::Format::text;
  Output::Talk talk = Output::Talk::normal;
  Output::Color color = Output::Color::automatic;
  std::function<Exit(const Invocation&)> run;  // none: help or version
};

/// What can be seen before the rest is understood: how to report that it cannot be.
struct FirstLook {
  const Command* command = nullptr;
  Output::Format format = Output::Format::text;
};
FirstLook look_at(const std::vector<std::string>& arguments);

/// Fills the fields that are bound to `syntax`. `command`: for messages; empty when there is none. Throws
/// UsageError for what is missing, unknown, or does not fit its field.
void read_arguments(std::string_view command, std::vector<std::string> arguments, const Syntax& syntax);

/// `arguments` are those after the program's name. Throws UsageError, with "did you mean" where something is
/// near.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

}  // namespace pgkeep::server
