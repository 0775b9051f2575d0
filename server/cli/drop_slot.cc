#include "server/cli/drop_slot.h"

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "server/fleet.h"
#include "server/replication_session.h"
#include "streaming/replication.h"

namespace pgkeep::server {
namespace {

/// The server would refuse too, but in words that do not say who it is.
void refuse_while_receiving(const Config& config, const ServerConfig& server) {
  const auto repository = open_repository_if_there(config);
  if (!repository) return;
  const auto layout = repository->server(server.name);
  const auto holder = is_known(layout) ? io::FileLock::holder(layout.receiver_lock()) : std::nullopt;
  if (!holder) return;
  throw Busy(fmt::format("slot {} is in use: {} is running (process {}, since {}); {} first", server.slot,
                         holder->purpose, holder->pid, holder->since,
                         holder->purpose == "backup" ? "let it end" : "stop receive-wal"));
}

}  // namespace

Exit run_drop_slot(const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto& server = find_server(config, invocation.arguments.required("SERVER"));
  refuse_while_receiving(config, server);
  auto connection = open_known_server(config, server, invocation.stop);
  const bool dropped = streaming::drop_slot(connection, server.slot);
  invocation.out.report(dropped ? fmt::format("slot {} dropped on {}", server.slot, connection.peer())
                                : fmt::format("there was no slot {} on {}", server.slot, connection.peer()));
  invocation.out.data({{"server", server.name}, {"slot", server.slot}, {"dropped", dropped}});
  return Exit::ok;
}

}  // namespace pgkeep::server
