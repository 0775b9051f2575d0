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
  ServerOutcome outcome;
  if (kind == JobKind::backup) {
    outcome = take_and_report(fleet, server, backup_job(server), WithHooks::yes, invocation);
  } else if (kind == JobKind::expire) {
    outcome.data = expire_and_report(server, fleet.layout(server), WithHooks::yes, invocation);
  } else {
    outcome = verify_and_report(server, fleet.layout(server), limits_of(server), one_a_core(), WithHooks::yes,
                                invocation);
  }
  data.push_back({{"server", server.name}, {"job", to_string(kind)}, {"result", std::move(outcome.data)}});
  return outcome.exit;
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
