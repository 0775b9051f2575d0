#include "server/fleet/server_list.h"

#include "streaming/wire/connection.h"

namespace pgkeep::server {

Json server_list_json(const std::vector<ServerConfig>& servers) {
  return json_list(servers, [](const ServerConfig& server) {
    return Json{{"name", server.name},
                {"description", server.description},
                {"active", server.active},
                {"conninfo", streaming::describe_conninfo(server.conninfo)}};
  });
}

}  // namespace pgkeep::server
