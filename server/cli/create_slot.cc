#include "server/cli/create_slot.h"

#include <fmt/format.h>

#include "catalog/records/identity.h"
#include "catalog/records/made_slots.h"
#include "server/fleet/fleet.h"
#include "server/health/live_facts.h"
#include "streaming/wire/replication.h"

namespace pgkeep::server {
namespace {

/// So that drop-slot knows it for pgkeep's own, and a receiver may make it again when it is lost.
void remember(const Config& config, const ServerConfig& server, postgres::SystemIdentifier system,
              const postgres::Endpoint& host) {
  const auto repository = open_repository_if_there(config);
  if (!repository) return;
  catalog::MadeSlots(repository->server(server.name)).add(server.slot, system, host);
}

}  // namespace

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

bool make_slot(const Config& config, const ServerConfig& server, streaming::Connection& connection,
               Output& out) {
  const auto system = streaming::identify_system(connection);
  const bool created = streaming::create_slot(connection, server.slot);
  if (created) remember(config, server, system.system, connection.peer());
  out.report(created ? fmt::format("slot {} created on {}", server.slot, connection.peer())
                     : fmt::format("slot {} was there already on {}", server.slot, connection.peer()));
  return created;
}

Exit run_create_slot(const OneServer& arguments, const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto& server = require_active_server(config, arguments.server);
  auto connection = open_known_server(config, server, invocation.stop);
  const bool created = make_slot(config, server, connection, invocation.out);
  invocation.out.data({{"server", server.name}, {"slot", server.slot}, {"created", created}});
  return Exit::ok;
}

}  // namespace pgkeep::server
