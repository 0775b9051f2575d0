#include "streaming/wire/nodes.h"

#include <exception>
#include <tuple>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/wire/conninfo.h"

namespace pgkeep::streaming {
namespace {

void append(std::string& list, std::string_view item) {
  list += fmt::format("{}{}", list.empty() ? "" : "; ", item);
}

/// The nodes that answer, what is thought of each, and why the others did not.
struct Lookout {
  std::vector<Node> nodes;
  std::vector<NodeView> views;  // in the order of the nodes
  std::string failures;
  std::exception_ptr first_failure;
  bool one_may_come_back = false;

  void add_failure(const Error& failure) {
    append(failures, failure.what());
    if (!first_failure) first_failure = std::current_exception();
    one_may_come_back = one_may_come_back || failure.retryable();
  }

  [[noreturn]] void throw_failure() const {
    if (one_may_come_back) throw ConnectionLost(failures);
    std::rethrow_exception(first_failure);
  }
};

Lookout look_at(const std::vector<ConnectionSettings>& hosts, const std::stop_token& stop) {
  Lookout seen;
  for (const auto& host : hosts) {
    try {
      seen.nodes.push_back(open_node(host, stop));
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& failure) {
      seen.add_failure(failure);
    }
  }
  return seen;
}

/// One that goes away when it is asked has not answered, and keeps nobody from the others.
void ask_objections(Lookout& seen, const Objection& object) {
  std::vector<Node> answered;
  for (auto& node : seen.nodes) {
    try {
      seen.views.push_back({node.standby, {node.system.timeline, node.system.position}, object(node)});
      answered.push_back(std::move(node));
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& failure) {
      if (!failure.retryable()) throw;
      seen.add_failure(failure);
    }
  }
  seen.nodes = std::move(answered);
}

}  // namespace

Node open_node(ConnectionSettings settings, const std::stop_token& stop) {
  auto connection = Connection::open(settings, ConnectionKind::physical, stop);
  const auto system = identify_system(connection);
  const bool standby = is_standby(connection);
  return {std::move(settings), std::move(connection), system, standby};
}

std::optional<std::size_t> pick_node(std::span<const NodeView> nodes) {
  const auto rank = [](const NodeView& node) { return std::tuple(!node.standby, node.at); };
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].objection.empty()) continue;
    if (!best || rank(nodes[*best]) < rank(nodes[i])) best = i;
  }
  return best;
}

std::vector<ConnectionSettings> settings_of_nodes(const ConnectionSettings& settings) {
  std::vector<ConnectionSettings> nodes;
  for (auto& conninfo : split_hosts(settings.conninfo)) {
    nodes.push_back(settings);
    nodes.back().conninfo = std::move(conninfo);
  }
  return nodes;
}

Node choose_node(const ConnectionSettings& settings, const Objection& object, const Rival& rival,
                 const std::stop_token& stop) {
  const auto hosts = settings_of_nodes(settings);
  if (hosts.size() == 1) return open_node(hosts.front(), stop);

  auto seen = look_at(hosts, stop);
  ask_objections(seen, object);
  if (seen.nodes.empty()) seen.throw_failure();
  const auto& views = seen.views;
  std::string objections;
  for (const auto& view : views)
    if (!view.objection.empty()) append(objections, view.objection);
  const auto chosen = pick_node(views);
  for (std::size_t i = 0; i < views.size(); ++i) {
    if (chosen == i || views[i].standby) continue;
    rival(seen.nodes[i], chosen ? &seen.nodes[*chosen] : nullptr, views[i].objection);
  }
  if (!chosen) {
    // The right one may be among those that do not answer now.
    if (seen.one_may_come_back) throw ConnectionLost(fmt::format("{}; {}", objections, seen.failures));
    throw Refused(objections);
  }
  return std::move(seen.nodes[*chosen]);
}

}  // namespace pgkeep::streaming
