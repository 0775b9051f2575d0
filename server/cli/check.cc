#include "server/cli/check.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/worker_pool.h"
#include "server/fleet/fleet.h"
#include "server/health/findings.h"
#include "server/health/stream_facts.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kAtOnce = 16;

Json json_of(const std::vector<Finding>& findings) {
  auto list = Json::array();
  for (const auto& finding : findings) {
    list.push_back({{"name", finding.key},
                    {"result", to_string(finding.severity)},
                    {"finding", finding.what},
                    {"hint", finding.hint}});
  }
  return list;
}

void print(const ServerConfig& server, const std::vector<Finding>& findings, Output& out) {
  out.fact(fmt::format("Server {}:", server.name));
  for (const auto& finding : findings) {
    out.fact(fmt::format("  {:<7} {}", to_string(finding.severity), describe(finding)));
    if (!finding.hint.empty()) out.fact(fmt::format("          {}", finding.hint));
  }
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

/// Several at once, since one that is away may take long to tell; in the order of the servers.
std::vector<std::vector<Finding>> check_all(const Config& config,
                                            const std::vector<const ServerConfig*>& servers,
                                            const std::optional<DaemonReport>& daemon,
                                            const std::stop_token& stop) {
  std::vector<std::vector<Finding>> found(servers.size());
  {
    io::WorkerPool pool(static_cast<unsigned>(std::min(servers.size(), kAtOnce)));
    for (std::size_t i = 0; i < servers.size(); ++i) {
      pool.submit([&, i] {
        try {
          found[i] = examine(gather_facts(config, *servers[i], daemon, stop), io::now());
        } catch (const std::exception& failure) {
          found[i] = {{.key = "check", .severity = Severity::failed, .what = failure.what()}};
        }
      });
    }
  }  // which waits for all
  if (stop.stop_requested()) throw Interrupted("the check was stopped");
  return found;
}

}  // namespace

Exit run_check(const AnyServers& arguments, const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, arguments.servers, true);
  const auto daemon = daemon_of(config, invocation.out);
  const auto found = check_all(config, servers, daemon, invocation.stop);
  auto data = Json::array();
  bool all_good = true;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const auto failed = std::ranges::count(found[i], Severity::failed, &Finding::severity);
    all_good = all_good && failed == 0;
    print(*servers[i], found[i], invocation.out);
    data.push_back({{"server", servers[i]->name}, {"ok", failed == 0}, {"checks", json_of(found[i])}});
  }
  invocation.out.data(std::move(data));
  return all_good ? Exit::ok : Exit::failed;
}

}  // namespace pgkeep::server
