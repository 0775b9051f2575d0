#include "server/cli/check.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/checks.h"
#include "server/fleet.h"
#include "server/stream_facts.h"

namespace pgkeep::server {
namespace {

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

}  // namespace

Exit run_check(const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, invocation.arguments.values("SERVER"), true);
  const auto daemon = find_daemon(open_repository_if_there(config), invocation.out);
  auto data = Json::array();
  bool all_good = true;
  for (const auto* server : servers) {
    const auto checks = check_server(config, *server, daemon, invocation.stop);
    const auto failed = std::ranges::count(checks, Check::Result::failed, &Check::result);
    all_good = all_good && failed == 0;
    print(*server, checks, invocation.out);
    data.push_back({{"server", server->name}, {"ok", failed == 0}, {"checks", json_of(checks)}});
  }
  invocation.out.data(std::move(data));
  return all_good ? Exit::ok : Exit::failed;
}

}  // namespace pgkeep::server
