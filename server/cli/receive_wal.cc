#include "server/cli/receive_wal.h"

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "server/fleet.h"
#include "server/recorded_run.h"
#include "server/server_settings.h"
#include "server/wal_log.h"

namespace pgkeep::server {

Exit run_receive_wal(const Invocation& invocation) {
  const auto& name = invocation.arguments.required("SERVER");
  const Fleet fleet(invocation.config_file, Fleet::Access::create, {name});
  const auto& server = require_active_server(fleet.config(), name);
  const auto layout = fleet.layout(server);
  layout.make();
  // Said before the run is recorded: that another one receives is no failure of this server's WAL.
  if (const auto holder = io::FileLock::holder(layout.receiver_lock())) {
    throw Busy(
        holder->pid == 0  // there was no room to write who it is
            ? fmt::format("WAL of server {} is being received already, by another process", server.name)
            : fmt::format("WAL of server {} is being received already, by process {} ({}) since {}",
                          server.name, holder->pid, holder->purpose, holder->since));
  }
  WalLog log(server.name, invocation.out);
  streaming::WalWorkers workers(1, 1);
  streaming::WalReceiver receiver(layout, wal_receiver_settings(server), log, workers);
  record_run(layout, "receive-wal", "", invocation.out, [&] {
    receiver.run(invocation.stop);
    const auto flushed = receiver.progress().flushed;
    log.stopped(flushed);
    return Json{{"flushed_lsn", flushed ? Json(flushed->lsn.to_string()) : Json()},
                {"segments", log.segments()}};
  });
  invocation.out.data({{"server", server.name}, {"segments", log.segments()}});
  return Exit::ok;
}

}  // namespace pgkeep::server
