#include "recover/start_commands.h"

#include <fmt/format.h>

#include "catalog/io/shell.h"

namespace pgkeep::recover {
namespace {

std::string pg_ctl_command(const RecoveryPlan& plan, const StartFacts& facts,
                           const RecoverySettings& settings) {
  const auto& directory = plan.request.destination.native();
  // pg_ctl hands what follows -o to a shell, so values are quoted for that one, and all of it for ours.
  std::string options;
  for (const auto& [name, value] : settings.start_options)
    options += fmt::format("{}-c {}={}", options.empty() ? "" : " ", name, io::shell_quote(value));
  // What belongs to root is given away first, but the directory above it stays root's.
  const bool given_away = facts.as_root && facts.user == "root";
  const auto log = directory + (facts.log_beside && !given_away ? ".log" : "/startup.log");
  return fmt::format("{} -D {} -l {}{} start", io::shell_quote(facts.pg_ctl), io::shell_quote(directory),
                     io::shell_quote(log), options.empty() ? "" : " -o " + io::shell_quote(options));
}

std::string chown_command(const RecoveryPlan& plan, const std::string& user) {
  auto command = fmt::format("chown -R {0}: {1}", user, io::shell_quote(plan.request.destination.native()));
  for (const auto& tablespace : plan.tablespaces) {
    if (tablespace.location.starts_with('/')) command += " " + io::shell_quote(tablespace.location);
  }
  for (const auto& created : plan.created_tablespaces) command += " " + io::shell_quote(created.location);
  return command;
}

}  // namespace

std::vector<std::string> start_commands(const RecoveryPlan& plan, const StartFacts& facts,
                                        const RecoverySettings& settings) {
  std::vector<std::string> commands;
  auto start = pg_ctl_command(plan, facts, settings);
  if (facts.as_root) {
    const bool belongs_to_root = facts.user == "root";
    const std::string user = belongs_to_root ? "postgres" : facts.user;
    if (belongs_to_root) commands.push_back(chown_command(plan, user));
    start = fmt::format("runuser -u {} -- {}", io::shell_quote(user), start);
  }
  commands.push_back(std::move(start));
  if (!plan.request.remote_ssh_command.empty()) {
    for (auto& command : commands)
      command = fmt::format("{} {}", plan.request.remote_ssh_command, io::shell_quote(command));
  }
  return commands;
}

}  // namespace pgkeep::recover
