#include "server/cli/cron.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "server/cli/run_job.h"
#include "server/fleet/expiry_run.h"
#include "server/fleet/fleet.h"
#include "server/fleet/run_facts.h"

namespace pgkeep::server {
namespace {

/// Of this kind, when it may begin now.
std::optional<PlannedJob> due_job(const Fleet& fleet, const ServerConfig& server, JobKind kind) {
  const auto now = io::now();
  const auto layout = fleet.layout(server);
  for (const auto& job :
       plan_jobs(server.name, server.schedule, read_job_runs(layout), now, deletion_due(server, layout)))
    if (job.kind == kind && job.may_begin(now)) return job;
  return std::nullopt;
}

std::string describe(const ServerConfig& server, const PlannedJob& job) {
  return fmt::format("{}: {} is due since {}", server.name, to_string(job.kind), io::format_time(job.due));
}

Exit do_what_is_due(const Fleet& fleet, const ServerConfig& server, const Invocation& invocation,
                    Json& data) {
  auto exit = Exit::ok;
  for (const auto kind : kJobKinds) {  // the expiry may become due by the backup
    const auto job = due_job(fleet, server, kind);
    if (!job) continue;
    invocation.out.note(describe(server, *job));
    exit = std::max(exit, do_job(fleet, server, kind, invocation, data));
  }
  return exit;
}

Exit say_what_is_due(const Fleet& fleet, const ServerConfig& server, const Invocation& invocation,
                     Json& data) {
  for (const auto kind : kJobKinds) {
    const auto job = due_job(fleet, server, kind);
    if (!job) continue;
    invocation.out.fact(describe(server, *job));
    data.push_back({{"server", server.name}, {"job", to_string(kind)}, {"due", job->due}});
  }
  return Exit::ok;
}

}  // namespace

Exit run_cron(const CronArguments& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::create, arguments.servers);
  auto data = Json::array();
  const auto exit = for_each_server(choose_servers(fleet.config(), arguments.servers, true), invocation.out,
                                    [&](const ServerConfig& server) {
                                      return arguments.dry_run
                                                 ? say_what_is_due(fleet, server, invocation, data)
                                                 : do_what_is_due(fleet, server, invocation, data);
                                    });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
