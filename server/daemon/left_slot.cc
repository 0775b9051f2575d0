#include "server/daemon/left_slot.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catalog/io/shell.h"
#include "server/health/streamed_node.h"
#include "streaming/wire/conninfo.h"

namespace pgkeep::server {
namespace {

std::string drop_command(const std::string& conninfo, const std::string& slot) {
  return fmt::format("pgkeep drop-slot --conninfo {} --slot {}",
                     io::shell_quote(streaming::describe_conninfo(conninfo)), io::shell_quote(slot));
}

}  // namespace

std::string drop_command(const ServerConfig& server, const ServerConfig* inactive) {
  const bool known_by_name =
      inactive != nullptr && inactive->conninfo == server.conninfo && inactive->slot == server.slot;
  if (known_by_name) return "pgkeep drop-slot " + server.name;
  return drop_command(server.conninfo, server.slot);
}

std::string slot_left_behind(const ServerConfig& before, const ServerConfig& after) {
  if (before.slot != after.slot) {
    return fmt::format(
        "the slot is {} from now on, and {} still makes the server keep WAL; when nobody needs it: {}",
        after.slot, before.slot, drop_command(before.conninfo, before.slot));
  }
  std::vector<postgres::Endpoint> peers;
  for (const auto& host : streaming::split_hosts(after.conninfo)) peers.push_back(expected_peer(host));
  std::vector<postgres::Endpoint> left;
  std::vector<std::string> commands;
  for (const auto& host : streaming::split_hosts(before.conninfo)) {
    const auto peer = expected_peer(host);
    if (std::ranges::find(peers, peer) != peers.end()) continue;
    left.push_back(peer);
    commands.push_back(drop_command(host, before.slot));
  }
  if (left.empty()) return {};
  // By another name it may be the same host; the server refuses to drop a slot in use.
  return fmt::format(
      "the conninfo does not lead to {} any more. "
      "Unless that is a host by another name, its slot {} still makes it keep WAL: {}",
      fmt::join(left, ", "), before.slot, fmt::join(commands, "; "));
}

}  // namespace pgkeep::server
