#include "server/cli/receive_wal.h"

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/postgres/json.h"
#include "server/daemon/state_writer.h"
#include "server/daemon/stream_recorder.h"
#include "server/fleet/fleet.h"
#include "server/fleet/recorded_run.h"
#include "server/fleet/server_settings.h"

namespace pgkeep::server {
namespace {

/// Said before the run is recorded: that another one receives is no failure of this server's WAL.
void refuse_beside_another(const ServerConfig& server, const store::ServerLayout& layout) {
  const auto holder = io::FileLock::holder(layout.receiver_lock());
  if (!holder) return;
  throw Busy(holder->pid == 0  // there was no room to write who it is
                 ? fmt::format("WAL of server {} is being received already, by another process", server.name)
                 : fmt::format("WAL of server {} is being received already, by process {} ({}) since {}",
                               server.name, holder->pid, holder->purpose, holder->since));
}

/// Receives, and keeps stream.json.
void receive(const ServerConfig& server, const store::ServerLayout& layout, const Log& log, WalLog& wal_log,
             const std::stop_token& stop, std::optional<postgres::WalPosition>& flushed) {
  std::function<void()> wake = [] {};
  StreamRecorder recorder(wal_log, {.changed = [&wake] { wake(); }});
  streaming::WalWorkers workers(1, 1);
  streaming::WalReceiver receiver(layout, wal_receiver_settings(server), recorder, workers);
  StateWriter writer(
      [&] {
        return std::vector{StateWriter::Stream{layout, with_progress(recorder.state(), receiver.progress())}};
      },
      log);
  wake = [&writer] { writer.wake(); };
  recorder.starting();
  try {
    receiver.run(stop);
  } catch (const std::exception& failure) {
    recorder.failed(failure.what());
    throw;
  }
  flushed = receiver.progress().flushed;
  recorder.stopped(flushed);
}

}  // namespace

Exit run_receive_wal(const OneServer& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::create, {arguments.server});
  const auto& server = require_active_server(fleet.config(), arguments.server);
  const auto layout = fleet.layout(server);
  layout.make();
  refuse_beside_another(server, layout);
  const auto log = make_log(server.name, invocation.out);
  WalLog wal_log(log);
  record_run(layout, "receive-wal", "", invocation.out, [&] {
    std::optional<postgres::WalPosition> flushed;
    receive(server, layout, log, wal_log, invocation.stop, flushed);
    return Json{{"flushed_lsn", flushed ? Json(flushed->lsn) : Json()}, {"segments", wal_log.segments()}};
  });
  invocation.out.data({{"server", server.name}, {"segments", wal_log.segments()}});
  return Exit::ok;
}

}  // namespace pgkeep::server
