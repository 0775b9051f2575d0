#include "server/cli/check.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/worker_pool.h"
#include "server/fleet/fleet.h"
#include "server/health/checks.h"
#include "server/health/stream_facts.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kAtOnce = 16;

Json json_of(const std::vector<Check>& checks) {
  auto list = Json::array();
  for (const auto& check : checks) {
    list.push_back({{"name", check.name},
                    {"result", to_string(check.result)},
                    {"finding", check.finding},
                    {"hint", check.hint}});
  }
  return list;
}

void print(const ServerConfig& server, const std::vector<Check>& checks, Output& out) {
  out.fact(fmt::format("Server {}:", server.name));
  for (const auto& check : checks) {
    out.fact(fmt::format("  {:<7} {}: {}", to_string(check.result), check.label, check.finding));
    if (!check.hint.empty()) out.fact(fmt::format("          {}", check.hint));
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
std::vector<std::vector<Check>> check_all(const Config& config,
                                          const std::vector<const ServerConfig*>& servers,
                                          const std::optional<DaemonReport>& daemon,
                                          const std::stop_token& stop) {
  std::vector<std::vector<Check>> found(servers.size());
  {
    io::WorkerPool pool(static_cast<unsigned>(std::min(servers.size(), kAtOnce)));
    for (std::size_t i = 0; i < servers.size(); ++i) {
      pool.submit([&, i] {
        try {
          found[i] = check_server(config, *servers[i], daemon, stop);
        } catch (const std::exception& failure) {
          found[i] = {{.name = "check",
                       .label = "the check itself",
                       .result = Check::Result::failed,
                       .finding = failure.what()}};
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
    const auto& checks = found[i];
    const auto failed = std::ranges::count(checks, Check::Result::failed, &Check::result);
    all_good = all_good && failed == 0;
    print(*servers[i], checks, invocation.out);
    data.push_back({{"server", servers[i]->name}, {"ok", failed == 0}, {"checks", json_of(checks)}});
  }
  invocation.out.data(std::move(data));
  return all_good ? Exit::ok : Exit::failed;
}

}  // namespace pgkeep::server
