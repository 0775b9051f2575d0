#include "server/health/streamed_node.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "server/fleet/server_settings.h"
#include "streaming/wire/conninfo.h"
#include "streaming/wire/nodes.h"

namespace pgkeep::server {
namespace {

constexpr const char* kUsualPort = "5432";

/// The host that a receiver would choose, whose slot is the one in use.
streaming::Node best_node(const streaming::ConnectionSettings& settings, const std::stop_token& stop) {
  const auto no_objection = [](streaming::Node&) { return std::string(); };
  const auto no_matter = [](const streaming::Node&, const streaming::Node*, const std::string&) {};
  return streaming::choose_node(settings, no_objection, no_matter, stop);
}

streaming::Connection open_best_node(const streaming::ConnectionSettings& settings,
                                     streaming::ConnectionKind kind, const std::stop_token& stop) {
  if (kind == streaming::ConnectionKind::physical) return best_node(settings, stop).connection;
  auto chosen = settings;
  try {
    chosen = best_node(settings, stop).settings;
  } catch (const ServerError&) {
    // A role that may not replicate can still ask the first host that lets it in.
  }
  return streaming::Connection::open(chosen, kind, stop);
}

}  // namespace

postgres::Endpoint expected_peer(const std::string& conninfo) {
  std::string host;
  std::string address;
  std::string port = kUsualPort;
  for (const auto& [keyword, value] : streaming::parse_conninfo(conninfo)) {
    if (keyword == "host") host = value;
    if (keyword == "hostaddr") address = value;
    if (keyword == "port") port = value;
  }
  return {host.empty() ? address : host, port};
}

std::vector<streaming::ConnectionSettings> nodes_of_peer(
    const std::vector<streaming::ConnectionSettings>& nodes, const postgres::Endpoint& peer) {
  auto known = nodes;
  std::erase_if(known, [&](const auto& node) { return expected_peer(node.conninfo) != peer; });
  return known.empty() ? nodes : known;
}

streaming::Connection open_streamed_node(const ServerConfig& server, const postgres::Endpoint& peer,
                                         streaming::ConnectionKind kind, const std::stop_token& stop) {
  const auto settings = query_connection(server);
  const auto nodes = streaming::settings_of_nodes(settings);
  if (nodes.size() < 2) return streaming::Connection::open(settings, kind, stop);
  if (!peer.is_known()) return open_best_node(settings, kind, stop);
  std::string why = fmt::format("none of the hosts is {}, which WAL comes from", peer);
  for (const auto& node : nodes_of_peer(nodes, peer)) {
    try {
      auto connection = streaming::Connection::open(node, kind, stop);
      if (connection.peer() == peer) return connection;
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& failure) {
      // One that is down or does not let us in says nothing of the others.
      why += fmt::format("; {}", failure.what());
    }
  }
  throw ConnectionLost(why);
}

}  // namespace pgkeep::server
