#include "server/cli/run_job.h"

#include <fmt/format.h>

#include "server/cli/backup.h"
#include "server/cli/expire.h"
#include "server/fleet/server_settings.h"

namespace pgkeep::server {

Exit do_job(const Fleet& fleet, const ServerConfig& server, JobKind kind, const Invocation& invocation,
            Json& data) {
  auto results = Json::array();
  auto exit = Exit::ok;
  if (kind == JobKind::backup) {
    exit = take_and_report(fleet, server, backup_job(server), invocation, results);
  } else {
    results.push_back(expire_and_report(server, fleet.layout(server), invocation));
  }
  data.push_back({{"server", server.name}, {"job", to_string(kind)}, {"result", results.front()}});
  return exit;
}

Exit run_run_job(const RunJobArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::create, {arguments.server});
  const auto kind = parse_job_kind(arguments.job);
  if (!kind) throw UsageError(fmt::format("JOB: backup or expire is expected, not '{}'", arguments.job));
  auto data = Json::array();
  const auto exit =
      do_job(fleet, require_active_server(fleet.config(), arguments.server), *kind, invocation, data);
  invocation.out.data(std::move(data.front()));
  return exit;
}

}  // namespace pgkeep::server
