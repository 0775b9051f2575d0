#include "server/cli/run_job.h"

#include <fmt/format.h>

#include "server/cli/backup.h"
#include "server/cli/expire.h"
#include "server/cli/verify.h"
#include "server/fleet/server_settings.h"
#include "server/fleet/verification_run.h"

namespace pgkeep::server {

Exit do_job(const Fleet& fleet, const ServerConfig& server, JobKind kind, const Invocation& invocation,
            Json& data) {
  auto results = Json::array();
  auto exit = Exit::ok;
  if (kind == JobKind::backup) {
    exit = take_and_report(fleet, server, backup_job(server), invocation, results);
  } else if (kind == JobKind::expire) {
    results.push_back(expire_and_report(server, fleet.layout(server), invocation));
  } else {
    exit =
        verify_and_report(server, fleet.layout(server), limits_of(server), one_a_core(), invocation, results);
  }
  data.push_back({{"server", server.name}, {"job", to_string(kind)}, {"result", results.front()}});
  return exit;
}

Exit run_run_job(const RunJobArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::create, {arguments.server});
  const auto kind = parse_job_kind(arguments.job);
  if (!kind)
    throw UsageError(fmt::format("JOB: backup, expire or verify is expected, not '{}'", arguments.job));
  auto data = Json::array();
  const auto exit =
      do_job(fleet, require_active_server(fleet.config(), arguments.server), *kind, invocation, data);
  invocation.out.data(std::move(data.front()));
  return exit;
}

}  // namespace pgkeep::server
