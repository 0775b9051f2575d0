#include "server/daemon/streamed_node.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "server/server_settings.h"
#include "streaming/conninfo.h"
#include "streaming/nodes.h"

namespace pgkeep::server {
namespace {

/// A guess, so that hosts that are away are not waited for.
bool may_be(const std::string& peer, const streaming::ConnectionSettings& node) {
  std::string host;
  for (const auto& [keyword, value] : streaming::parse_conninfo(node.conninfo))
    if (keyword == "host" || (keyword == "hostaddr" && host.empty())) host = value;
  return !host.empty() && peer.find(host) != peer.npos;
}

}  // namespace

streaming::Connection open_streamed_node(const ServerConfig& server, const std::string& peer,
                                         streaming::ConnectionKind kind, const std::stop_token& stop) {
  const auto settings = query_connection(server);
  auto nodes = streaming::settings_of_nodes(settings);
  if (nodes.size() < 2 || peer.empty()) return streaming::Connection::open(settings, kind, stop);
  std::ranges::stable_partition(nodes, [&](const auto& node) { return may_be(peer, node); });
  std::string why = fmt::format("none of the hosts is {}, which WAL comes from", peer);
  for (const auto& node : nodes) {
    try {
      auto connection = streaming::Connection::open(node, kind, stop);
      if (connection.peer() == peer) return connection;
    } catch (const ConnectionLost& failure) {
      if (may_be(peer, node)) why = failure.what();
    }
  }
  throw ConnectionLost(why);
}

}  // namespace pgkeep::server
