#include "server/cli/check.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/cli/many_servers.h"
#include "server/cli/nagios.h"
#include "server/config/suggestion.h"
#include "server/fleet/fleet.h"
#include "server/health/finding_json.h"

namespace pgkeep::server {
namespace {

std::string parse_key(const std::string& text) {
  const auto keys = finding_keys();
  if (std::ranges::find(keys, text) != keys.end()) return text;
  throw UsageError(fmt::format("--only: there is no check '{}'{}", text, did_you_mean(text, keys)));
}

std::chrono::milliseconds parse_timeout(const std::string& text) {
  const auto time = io::parse_duration(text);
  if (!time || time->count() == 0)
    throw UsageError(fmt::format("--timeout '{}' is not a time, as 30s or 2m", text));
  return *time;
}

void print(const CheckedServer& server, bool problems_alone, Output& out) {
  if (problems_alone && server.worst() == Severity::ok) return;
  out.fact(fmt::format("Server {}:", server.name));
  for (const auto& finding : server.findings)
    if (!problems_alone || finding.severity != Severity::ok) print_finding(finding, out);
}

/// "3 servers: 1 well, 1 with advice, 1 failed".
std::string summary(const std::vector<CheckedServer>& servers) {
  const auto count = [&](Severity least, Severity most) {
    return std::ranges::count_if(servers, [&](const CheckedServer& server) {
      return server.worst() >= least && server.worst() <= most;
    });
  };
  auto text =
      fmt::format("{}: {} well", counted(servers.size(), "server"), count(Severity::ok, Severity::ok));
  if (const auto advised = count(Severity::advice, Severity::warning); advised != 0)
    text += fmt::format(", {} with advice", advised);
  if (const auto failed = count(Severity::failed, Severity::failed); failed != 0)
    text += fmt::format(", {} failed", failed);
  return text;
}

/// Nothing as well where the repository cannot be opened, which is one of the things that are looked at.
std::optional<DaemonReport> daemon_of(const Config& config, Output& out) {
  try {
    return find_daemon(open_repository_if_there(config), out);
  } catch (const Refused&) {
    throw;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void leave_only(const std::vector<std::string>& keys, std::vector<CheckedServer>& servers) {
  if (keys.empty()) return;
  for (auto& server : servers)
    std::erase_if(server.findings, [&](const Finding& finding) {
      return finding.key != "check" && std::ranges::find(keys, finding.key) == keys.end();
    });
}

std::vector<CheckedServer> look(const CheckArguments& arguments, const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, arguments.servers, true);
  const auto daemon = daemon_of(config, invocation.out);
  auto checked = check_servers(config, servers, daemon, {.servers = arguments.parallel}, arguments.timeout,
                               invocation.stop);
  leave_only(arguments.only, checked);
  return checked;
}

Exit tell_monitor(const CheckArguments& arguments, const Invocation& invocation) {
  try {
    const auto checked = look(arguments, invocation);
    for (const auto& line : nagios_lines(checked, io::now())) invocation.out.fact(line);
    return exit_of(state_of(checked));
  } catch (const Error& error) {
    invocation.out.fact(nagios_unknown(error.what()));
    return exit_of(MonitorState::unknown);
  }
}

}  // namespace

void CheckArguments::declare(Syntax& syntax) {
  AnyServers::declare(syntax);
  syntax.flag("--problems", "leave out what is well", problems);
  syntax.repeatable("--only", "CHECK", "this check alone, as `wal_continuous`; may be repeated", only,
                    parse_key);
  syntax.flag("--nagios", "print what monitors of the Nagios family read", nagios);
  syntax.option("--timeout", "TIME", "how long the servers may take to answer, as 10s; default 30s", timeout,
                parse_timeout);
  syntax.number("--parallel", "N", "how many servers are asked at a time; default 64", parallel, 1,
                kMostParallel);
}

Exit run_check(const CheckArguments& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  if (arguments.nagios && out.json()) throw UsageError("--nagios and --json exclude each other");
  if (arguments.nagios) return tell_monitor(arguments, invocation);
  const auto checked = look(arguments, invocation);
  auto data = Json::array();
  bool all_good = true;
  for (const auto& server : checked) {
    const bool failed = server.worst() == Severity::failed;
    all_good = all_good && !failed;
    print(server, arguments.problems, out);
    data.push_back(check_json(server.name, server.findings));
  }
  out.report(summary(checked));
  out.data(std::move(data));
  return all_good ? Exit::ok : Exit::failed;
}

}  // namespace pgkeep::server
