#include "server/cli/list_servers.h"

#include <fmt/format.h>

#include "server/config/config.h"
#include "server/fleet/server_list.h"
#include "server/terminal/table_printer.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {

Exit run_list_servers(const ListServersArguments& arguments, const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  TablePrinter table({{"SERVER"}, {"STATE"}, {"CONNECTION"}, {"DESCRIPTION"}});
  for (const auto& server : config.servers) {
    const auto conninfo = streaming::describe_conninfo(server.conninfo);
    table.add({server.name, server.active ? "active" : "inactive", conninfo, server.description});
    if (arguments.minimal) invocation.out.fact(server.name);
  }
  if (!arguments.minimal && !config.servers.empty()) table.print(invocation.out);
  if (config.servers.empty())
    invocation.out.note(fmt::format("{} has no server yet; `pgkeep add-server NAME CONNINFO` adds one",
                                    config.file.native()));
  invocation.out.data(server_list_json(config.servers));
  return Exit::ok;
}

}  // namespace pgkeep::server
