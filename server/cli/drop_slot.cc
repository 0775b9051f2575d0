#include "server/cli/drop_slot.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/records/made_slots.h"
#include "server/fleet/fleet.h"
#include "server/fleet/server_settings.h"
#include "streaming/wire/nodes.h"

namespace pgkeep::server {
namespace {

/// Which slot is to go, and what is known of its server here.
struct Target {
  streaming::ConnectionSettings connection;
  std::string slot;
  std::optional<store::ServerLayout> layout;  // of a server of the configuration
  bool force = false;
};

/// The server would refuse too, but in words that do not say who it is.
void refuse_while_receiving(const Target& target) {
  const bool known = target.layout && is_known(*target.layout);
  const auto holder = known ? io::FileLock::holder(target.layout->receiver_lock()) : std::nullopt;
  if (!holder) return;
  const auto* way_out = holder->purpose == "backup"  ? "let it end"
                        : holder->purpose == "serve" ? "set `active: false` and `pgkeep reload`"
                                                     : "stop receive-wal";
  throw Busy(fmt::format("slot {} is in use: {} is running (process {}, since {}); {} first", target.slot,
                         holder->purpose, holder->pid, holder->since, way_out));
}

Target target_of(const Config& config, const ServerConfig& server, bool force) {
  Target target{query_connection(server), server.slot, std::nullopt, force};
  if (const auto repository = open_repository_if_there(config)) {
    target.layout = repository->server(server.name);
  }
  return target;
}

Target target_of(const DropSlotArguments& arguments, const Invocation& invocation) {
  const bool by_conninfo = arguments.conninfo && arguments.slot;
  if (arguments.server.has_value() == by_conninfo ||
      arguments.conninfo.has_value() != arguments.slot.has_value()) {
    throw UsageError("drop-slot takes either a SERVER of the configuration, or --conninfo and --slot");
  }
  if (by_conninfo) {
    return {{.conninfo = *arguments.conninfo, .application_name = "pgkeep_query"},
            *arguments.slot,
            std::nullopt,
            true};
  }
  const auto config = load_config(invocation.config_file);
  return target_of(config, find_server(config, *arguments.server), arguments.force);
}

bool may_drop(const Target& target, streaming::Node& node, const std::stop_token& stop) {
  if (target.force) return true;
  if (target.layout && catalog::MadeSlots(*target.layout).has(target.slot, node.system.system)) return true;
  if (!streaming::read_slot(node.connection, target.slot, node.settings, stop)) return false;
  throw Refused(fmt::format(
      "slot {} on {} was not made by pgkeep, as far as this repository knows: another program may need it. "
      "--force drops it nevertheless",
      target.slot, node.connection.peer()));
}

/// False when it was not there.
bool drop_on(streaming::Node& node, const Target& target, const std::stop_token& stop) {
  const auto identity = target.layout ? catalog::read_identity(*target.layout) : std::nullopt;
  if (identity) catalog::confirm_identity(*target.layout, ask_identity(node.connection, node.system));
  if (!may_drop(target, node, stop) || !streaming::drop_slot(node.connection, target.slot)) return false;
  if (target.layout && is_known(*target.layout)) {
    catalog::EventJournal(*target.layout)
        .append({io::now(), catalog::EventKind::slot_dropped,
                 fmt::format("slot {} was dropped on {}", target.slot, node.connection.peer()),
                 std::nullopt});
  }
  if (target.layout) {
    catalog::MadeSlots(*target.layout).remove(target.slot, node.system.system, node.connection.peer());
  }
  return true;
}

Exit drop_on_all(const Target& target, const Invocation& invocation, Json& report) {
  streaming::check_slot_name(target.slot);
  refuse_while_receiving(target);
  const auto hosts = streaming::settings_of_nodes(target.connection);
  std::size_t failed = 0;
  for (const auto& host : hosts) {
    try {
      auto node = streaming::open_node(host, invocation.stop);
      const bool dropped = drop_on(node, target, invocation.stop);
      const auto peer = node.connection.peer();
      invocation.out.report(dropped ? fmt::format("slot {} dropped on {}", target.slot, peer)
                                    : fmt::format("there was no slot {} on {}", target.slot, peer));
      report.push_back({{"host", peer.to_string()}, {"dropped", dropped}});
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {
      if (hosts.size() == 1) throw;
      invocation.out.failure(error.what());
      ++failed;
    }
  }
  if (failed == 0) return Exit::ok;
  return failed == hosts.size() ? Exit::failed : Exit::partly;
}

}  // namespace

Exit drop_slot_of(const Config& config, const ServerConfig& server, bool force, const Invocation& invocation,
                  Json& hosts) {
  return drop_on_all(target_of(config, server, force), invocation, hosts);
}

Exit run_drop_slot(const DropSlotArguments& arguments, const Invocation& invocation) {
  const auto target = target_of(arguments, invocation);
  auto hosts = Json::array();
  const auto exit = drop_on_all(target, invocation, hosts);
  const bool dropped =
      std::ranges::any_of(hosts, [](const Json& host) { return host.at("dropped") == true; });
  invocation.out.data({{"server", arguments.server},
                       {"slot", target.slot},
                       {"dropped", dropped},
                       {"hosts", std::move(hosts)}});
  return exit;
}

}  // namespace pgkeep::server
