#include "server/cli/add_server.h"

#include <algorithm>
#include <unistd.h>

#include <fmt/format.h>

#include "catalog/io/user.h"
#include "server/cli/backup.h"
#include "server/cli/checked_server.h"
#include "server/cli/create_slot.h"
#include "server/cli/reload.h"
#include "server/config/server_file.h"
#include "server/fleet/server_settings.h"
#include "server/health/finding_json.h"
#include "server/health/findings.h"
#include "server/health/log_in_lines.h"

namespace pgkeep::server {
namespace {

/// Before the server is asked.
void require_place(const Config& config, const NewServer& server) {
  if (const auto why = why_not_a_new_server(server); !why.empty()) throw UsageError(why);
  if (const auto there = config.places.find(server.name); there != config.places.end())
    throw UsageError(
        fmt::format("there is a server {} already, at {}; choose another name", server.name, there->second));
  const auto file = server_file(config, server.name);
  if (is_included(config, file)) return;
  throw UsageError(
      fmt::format("{}: does not include {}; add the line `include: conf.d/*.yaml` to it, or that pattern to "
                  "its `include`, then repeat this command",
                  config.file.native(), file.native()));
}

void show_lines(std::string_view heading, const std::vector<std::string>& lines, Output& out) {
  if (lines.empty()) return;
  out.fact(heading);
  for (const auto& line : lines) out.fact("  " + line);
}

Exit say_what_is_missing(const ServerFacts& facts, Json data, Output& out) {
  const auto lines = log_in_lines(facts, io::user_name(::geteuid()));
  show_lines("On the server, as a superuser (\\password gives the role a password):", lines.sql, out);
  show_lines("In its pg_hba.conf, above the lines that fit too; then SELECT pg_reload_conf():", lines.hba,
             out);
  data["sql"] = lines.sql;
  data["pg_hba"] = lines.hba;
  out.error(fmt::format("server {} cannot be kept as it is; nothing was written", facts.config.name),
            Exit::failed);
  out.data(std::move(data));
  return Exit::failed;
}

/// The file and the slot, or neither of them. Throws what keeps one of them from being made.
Json write_down(const NewServer& server, const ServerConfig& asked, const Invocation& invocation) {
  const auto before = load_config(invocation.config_file);
  auto connection = open_known_server(before, asked, invocation.stop);
  NewServerFile file(before, server);
  const Fleet fleet(invocation.config_file, Fleet::Access::create);
  if (fleet.server(server.name) != asked)
    throw Refused(fmt::format("{}: is not read as it was written, so it was removed", file.path().native()));
  Json slot;
  if (server.create_slot) {
    const bool created = make_slot(fleet.config(), asked, connection, invocation.out);
    slot = {{"name", asked.slot}, {"created", created}};
  }
  file.keep();
  invocation.out.report(fmt::format("{} written", file.path().native()));
  return {{"file", file.path().native()}, {"slot", std::move(slot)}};
}

/// What the daemon made of it; null: none runs, or it could not take it.
Json tell_daemon(const Fleet& fleet, Output& out) {
  try {
    return reload_and_report(fleet.repository(), out);
  } catch (const NotFound&) {
    return nullptr;
  } catch (const Error& error) {
    out.warning(
        fmt::format("the daemon has not taken the server up: {}; then `pgkeep reload`", error.what()));
    return nullptr;
  }
}

std::vector<std::string> next_steps(const ServerConfig& server, const Json& data) {
  std::vector<std::string> steps;
  if (data.at("reload").is_null())
    steps.emplace_back(
        "`pgkeep serve` (systemctl start pgkeep) receives its WAL, which the server keeps until then");
  if (data.at("backup").is_null())
    steps.push_back(fmt::format("`pgkeep backup {}` takes the first backup", server.name));
  if (server.schedule.backup == JobTiming())
    steps.push_back(fmt::format("`schedule: {{backup: \"02:00\"}}` in {} has one taken every night",
                                data.at("file").get<std::string>()));
  steps.push_back(fmt::format("`pgkeep check {}` says whether all is well", server.name));
  return steps;
}

}  // namespace

Exit run_add_server(const AddServerArguments& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  const auto config = load_config(invocation.config_file);
  const NewServer server{arguments.name, arguments.conninfo, arguments.description, !arguments.no_slot};
  require_place(config, server);
  open_repository_if_there(config);  // which is not for every user
  const auto asked = with_defaults(config, server);
  const auto facts = gather_live_facts(asked, until_stopped(invocation.stop));
  CheckedServer checked;
  checked.name = server.name;
  checked.findings = examine_new(facts, io::now());
  for (const auto& finding : checked.findings) print_finding(finding, out);
  Json data{{"server", server.name}, {"added", false}, {"checks", checks_json(checked.findings)}};
  if (checked.worst() == Severity::failed) return say_what_is_missing(facts, std::move(data), out);

  data.update(write_down(server, asked, invocation));
  data["added"] = true;
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  data["reload"] = tell_daemon(fleet, out);
  data["backup"] = nullptr;
  out.data(data);  // also when the backup fails
  auto exit = Exit::ok;
  if (arguments.backup) {
    auto outcome =
        take_and_report(fleet, fleet.server(server.name), backup_job(asked), WithHooks::yes, invocation);
    exit = outcome.exit;
    data["backup"] = std::move(outcome.data);
  }
  data["next"] = next_steps(asked, data);
  out.report("Next:");
  for (const auto& step : data.at("next")) out.report("  " + step.get<std::string>());
  out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
