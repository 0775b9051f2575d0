#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "streaming/wire/replication.h"

namespace pgkeep::streaming {

/// One host of a conninfo, connected to, and what it says of itself.
struct Node {
  ConnectionSettings settings;  // leads to it alone
  Connection connection;
  SystemInfo system;
  bool standby = false;
};

/// Connects to one host.
Node open_node(ConnectionSettings settings, const std::stop_token& stop);

/// How a node looks to the caller that has to choose one.
struct NodeView {
  bool standby = false;
  postgres::WalPosition at;
  std::string objection;  // why it cannot be streamed from; empty: it can
};
/// A primary before a standby, then the highest timeline, then the furthest position; the first of equals.
/// Nothing when there is an objection to each.
std::optional<std::size_t> pick_node(std::span<const NodeView> nodes);

/// Settings that lead to each host of the conninfo by itself, in its order.
std::vector<ConnectionSettings> settings_of_nodes(const ConnectionSettings& settings);

/// The node to stream from. A conninfo with one host leaves no choice: that one, primary or standby, and
/// nobody is asked. Of several each is looked at: `object` says why WAL of a node cannot be taken, and
/// `rival` hears of every primary that was not chosen, with the chosen one if there is any. Hosts that do not
/// answer, or go away while `object` asks them (it throws what is retryable), are passed over; when none is
/// left, throws ConnectionLost if one of them may come back, else what the first one failed with; Refused
/// when all that answer are objected to.
using Objection = std::function<std::string(Node& node)>;
using Rival = std::function<void(const Node& rival, const Node* chosen, const std::string& objection)>;
Node choose_node(const ConnectionSettings& settings, const Objection& object, const Rival& rival,
                 const std::stop_token& stop);

}  // namespace pgkeep::streaming
