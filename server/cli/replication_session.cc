#include "server/cli/replication_session.h"

#include "catalog/records/identity.h"
#include "server/fleet/fleet.h"
#include "server/health/live_facts.h"
#include "streaming/wire/replication.h"

namespace pgkeep::server {

streaming::Connection open_known_server(const Config& config, const ServerConfig& server,
                                        const std::stop_token& stop) {
  auto connection = open_physical(server, stop);
  const auto system = streaming::identify_system(connection);
  const auto repository = open_repository_if_there(config);
  if (!repository) return connection;
  const auto layout = repository->server(server.name);
  if (is_known(layout)) catalog::confirm_identity(layout, streaming::ask_identity(connection, system));
  return connection;
}

}  // namespace pgkeep::server
