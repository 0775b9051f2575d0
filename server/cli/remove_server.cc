#include "server/cli/remove_server.h"

#include <chrono>

#include <fmt/format.h>

#include "catalog/io/file.h"
#include "catalog/io/lock.h"
#include "catalog/io/pause.h"
#include "server/cli/drop_slot.h"
#include "server/config/server_file.h"
#include "server/daemon/left_slot.h"
#include "server/fleet/fleet.h"
#include "server/health/control.h"

namespace pgkeep::server {
namespace {

/// What the daemon, and a connection that it has just closed on the server, are given to let go of the slot.
constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::milliseconds kBetweenLooks{50};

/// The daemon's own stream ends with the reload; who else works for the server has to end before.
void refuse_while_others_work(const store::ServerLayout& layout) {
  for (const auto& lock : {layout.receiver_lock(), layout.writer_lock()}) {
    const auto holder = is_known(layout) ? io::FileLock::holder(lock) : std::nullopt;
    if (!holder || holder->purpose == "serve") continue;
    throw Busy(
        fmt::format("{} is running for this server (process {}, since {}): let it end, or stop it first",
                    holder->purpose, holder->pid, holder->since));
  }
}

/// False: none runs.
bool tell_daemon(const store::Repository& repository) {
  try {
    reload_daemon(repository);  // its warning, that the slot is left, is seen to here
    return true;
  } catch (const NotFound&) {
    return false;
  }
}

/// The walsender of a stream that ended may still hold the slot.
Exit drop_once_free(const Config& config, const ServerConfig& server, const Invocation& invocation,
                    Json& hosts) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    try {
      return drop_slot_of(config, server, false, invocation, hosts);
    } catch (const ConnectionLost&) {
      throw;
    } catch (const Error& error) {
      const bool in_vain = std::chrono::steady_clock::now() > deadline || invocation.stop.stop_requested();
      if (!error.retryable() || in_vain) throw;
    }
    io::pause(kBetweenLooks, invocation.stop);
  }
}

/// Nothing that is in its way brings the server back into the configuration: it is said how to drop it later.
Exit drop_or_say_how(const Config& config, const ServerConfig& server, const Invocation& invocation,
                     Json& data) {
  try {
    return drop_once_free(config, server, invocation, data["slot_dropped_on"]);
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    invocation.out.failure(
        fmt::format("slot {} was not dropped, and makes the server keep WAL: {}; later: {}", server.slot,
                    error.what(), drop_command(server, nullptr)));
    return Exit::partly;
  }
}

std::uint64_t bytes_below(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  io::for_each_below(folder, [&](const std::filesystem::directory_entry& entry) {
    std::error_code gone;
    const auto size = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
    if (!gone) bytes += size;
  });
  return bytes;
}

}  // namespace

Exit run_remove_server(const RemoveServerArguments& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  const auto config = load_config(invocation.config_file);
  const auto& server = find_server(config, arguments.name);
  const auto repository = open_repository_if_there(config);
  if (repository) refuse_while_others_work(repository->server(server.name));
  const auto aside = set_server_file_aside(config, server);
  out.report(fmt::format("server {} is not in the configuration any more; its file is {}", server.name,
                         aside.native()));
  Json data{{"server", server.name}, {"file", aside.native()}, {"slot_dropped_on", Json::array()}};
  if (repository && tell_daemon(*repository)) out.report("the daemon ends its stream");
  auto exit = Exit::ok;
  if (arguments.keep_slot) {
    out.report(fmt::format("slot {} makes the server keep WAL; to drop it: {}", server.slot,
                           drop_command(server, nullptr)));
  } else {
    exit = drop_or_say_how(config, server, invocation, data);
  }
  data["stored"] = nullptr;
  const auto folder = repository ? repository->server(server.name).root() : std::filesystem::path();
  if (repository && io::is_there(folder)) {
    const auto bytes = bytes_below(folder);
    out.report(fmt::format("what is stored of it stays: {} in {}", io::format_bytes(bytes), folder.native()));
    data["stored"] = {{"folder", folder.native()}, {"bytes", bytes}};
  }
  out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
