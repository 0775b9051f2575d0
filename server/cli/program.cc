#include "server/cli/program.h"

#include <cstdio>
#include <exception>
#include <optional>

#include <fmt/format.h>

#include "server/cli/command_docs.h"
#include "server/cli/command_line.h"
#include "server/terminal/stop_signals.h"
#include "server/terminal/version.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {
namespace {

Exit exit_of(const std::exception& error) {
  const auto* ours = dynamic_cast<const Error*>(&error);
  return ours ? ours->exit_code() : Exit::failed;
}

/// The process's exit code: PostgreSQL reads some commands' in its own way.
int code_of(const Command* command, Exit exit, bool thrown) {
  if (command && command->for_postgres && thrown) return kCannotTell;
  return static_cast<int>(exit);
}

int run_command(const CommandLine& line, Output& out) {
  std::optional<StopSignals> signals;
  if (line.command->for_postgres) {
    ignore_broken_pipes();
  } else {
    signals.emplace();
  }
  Exit exit = Exit::failed;
  bool thrown = false;
  try {
    exit = line.run({line.config_file, out, signals ? signals->token() : std::stop_token()});
  } catch (const std::exception& error) {
    thrown = true;
    exit = exit_of(error);
    out.error(error.what(), exit);
  }
  out.finish();
  return code_of(line.command, exit, thrown);
}

int run(const std::vector<std::string>& arguments) {
  const auto line = parse_command_line(arguments);
  Output out(line.format, line.talk);
  out.set_color(line.color);
  if (!line.help && !line.version) return run_command(line, out);
  const auto width = help_width(out.width());
  const auto text = line.version   ? fmt::format("pgkeep {}\n", kVersion)
                    : line.command ? help_for_command(*line.command, width)
                                   : help_overview(width);
  std::fputs(text.c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : static_cast<int>(Exit::failed);
}

}  // namespace

int run_program(const std::vector<std::string>& arguments) noexcept {
  const Command* command = nullptr;
  try {
    streaming::forget_libpq_environment();
    const auto look = look_at(arguments);
    command = look.command;
    try {
      return run(arguments);
    } catch (const std::exception& error) {
      Output out(look.format, Output::Talk::normal);
      out.set_color(Output::Color::automatic);
      out.error(error.what(), exit_of(error));
      if (exit_of(error) == Exit::usage) out.finish();  // else it is finish() that failed
      return code_of(command, exit_of(error), true);
    }
  } catch (...) {
    std::fputs("pgkeep: error: out of memory or worse\n", stderr);
    return code_of(command, Exit::failed, true);
  }
}

}  // namespace pgkeep::server
