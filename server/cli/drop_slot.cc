#include "server/cli/drop_slot.h"

#include <fmt/format.h>

#include "server/fleet.h"
#include "server/replication_session.h"
#include "streaming/replication.h"

namespace pgkeep::server {

Exit run_drop_slot(const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto& server = find_server(config, invocation.arguments.required("SERVER"));
  auto connection = open_known_server(config, server, invocation.stop);
  const bool dropped = streaming::drop_slot(connection, server.slot);
  invocation.out.report(dropped ? fmt::format("slot {} dropped on {}", server.slot, connection.peer())
                                : fmt::format("there was no slot {} on {}", server.slot, connection.peer()));
  invocation.out.data({{"server", server.name}, {"slot", server.slot}, {"dropped", dropped}});
  return Exit::ok;
}

}  // namespace pgkeep::server
