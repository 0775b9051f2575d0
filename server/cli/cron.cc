#include "server/cli/cron.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "server/cli/run_job.h"
#include "server/fleet/expiry_run.h"
#include "server/fleet/fleet.h"
#include "server/fleet/recorded_run.h"
#include "server/fleet/run_facts.h"
#include "server/notify/send_report.h"
#include "server/report/gather_report.h"

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

bool is_all(const std::vector<std::string>& servers) {
  return servers.size() == 1 && servers.front() == "all";
}

/// The report of the fleet, when it is due.
Exit send_report(const Fleet& fleet, bool only_say, const Invocation& invocation, Json& data) {
  auto& out = invocation.out;
  const auto& config = fleet.config();
  const auto add = [&](const Json& when) {
    data.push_back({{"server", nullptr}, {"job", "report"}, {"due", when}});
  };
  if (only_say) {
    const auto due = due_report(config, fleet.repository(), io::now());
    if (!due) return Exit::ok;
    out.fact(fmt::format("the report of the fleet is due since {}", io::format_time(*due)));
    add(*due);
    return Exit::ok;
  }
  const auto make = [&] {
    return report_now(config, choose_servers(config, {}, false), kReportBack, warnings_to(out),
                      invocation.stop);
  };
  OutputTalk talk(out);
  const auto turn = send_due_report(config, fleet.repository(), io::now(), make, talk, invocation.stop);
  if (turn.what == ReportTurn::What::nothing) return Exit::ok;
  add(nullptr);
  if (turn.what == ReportTurn::What::failed) throw Error(turn.text);
  out.report(turn.text);
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
  const auto of_fleet = arguments.servers.empty() || is_all(arguments.servers)
                            ? send_report(fleet, arguments.dry_run, invocation, data)
                            : Exit::ok;
  invocation.out.data(std::move(data));
  return std::max(exit, of_fleet);
}

}  // namespace pgkeep::server
