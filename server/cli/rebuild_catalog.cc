#include "server/cli/rebuild_catalog.h"

#include <limits>

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "server/fleet/fleet.h"

namespace pgkeep::server {

Exit run_rebuild_catalog(const SomeServers& arguments, const Invocation& invocation) {
  const Fleet fleet(invocation.config_file, Fleet::Access::open);
  const auto servers = choose_servers(fleet.config(), arguments.servers, false);
  auto data = Json::array();
  const auto exit = for_each_server(servers, invocation.out, [&](const ServerConfig& server) {
    const auto layout = fleet.layout(server);
    if (!is_known(layout)) throw NotFound(fmt::format("nothing is stored for server {} yet", server.name));
    // So that no backup or deletion comes between the files and the new index.
    const auto lock = io::FileLock::acquire(layout.writer_lock(), "rebuild-catalog");
    auto index = catalog::ServerCatalog::rebuild(layout);
    const auto backups = index.backups().size();
    const auto segments = index.segment_count();
    const auto runs = index.runs(std::numeric_limits<std::size_t>::max() / 2).size();
    invocation.out.report(fmt::format("index of {} made again: {}, {}, {}", server.name,
                                      counted(backups, "backup"), counted(segments, "WAL segment"),
                                      counted(runs, "run")));
    data.push_back(
        {{"server", server.name}, {"backups", backups}, {"wal_segments", segments}, {"runs", runs}});
    return Exit::ok;
  });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
