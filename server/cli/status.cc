#include "server/cli/status.h"

#include <fmt/format.h>

#include "server/fleet.h"
#include "server/server_status.h"

namespace pgkeep::server {

Exit run_status(const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto repository = open_repository_if_there(config);
  const auto servers = choose_servers(config, invocation.arguments.values("SERVER"), false);
  auto data = Json::array();
  const auto exit = for_each_server(servers, invocation, [&](const ServerConfig& server) {
    const auto status = read_status(server, repository, invocation.stop, invocation.out);
    invocation.out.fact(fmt::format("Server {}:", server.name));
    for (const auto& line : describe(status)) invocation.out.fact("  " + line);
    data.push_back(status_json(status));
    return Exit::ok;
  });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
