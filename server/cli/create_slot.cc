#include "server/cli/create_slot.h"

#include <fmt/format.h>

#include "server/fleet.h"
#include "server/replication_session.h"
#include "streaming/replication.h"

namespace pgkeep::server {

Exit run_create_slot(const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto& server = require_active_server(config, invocation.arguments.required("SERVER"));
  auto connection = open_known_server(config, server, invocation.stop);
  const bool created = streaming::create_slot(connection, server.slot);
  invocation.out.report(created
                            ? fmt::format("slot {} created on {}", server.slot, connection.peer())
                            : fmt::format("slot {} was there already on {}", server.slot, connection.peer()));
  invocation.out.data({{"server", server.name}, {"slot", server.slot}, {"created", created}});
  return Exit::ok;
}

}  // namespace pgkeep::server
