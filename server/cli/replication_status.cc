#include "server/cli/replication_status.h"

#include <fmt/format.h>

#include "catalog/io/units.h"
#include "catalog/postgres/json.h"
#include "server/fleet/fleet.h"
#include "server/health/live_facts.h"
#include "server/health/replication_facts.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

using Kind = ReplicationClient::Kind;

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::wal_receiver:
      return "wal-streamer";
    case Kind::backup:
      return "backup";
    case Kind::standby:
      break;
  }
  return "hot-standby";
}

std::optional<std::uint64_t> behind(postgres::Lsn current, const std::optional<postgres::Lsn>& at) {
  if (!at) return std::nullopt;
  return current > *at ? current - *at : 0;
}

std::string shown(postgres::Lsn current, const std::optional<postgres::Lsn>& at) {
  if (!at) return "-";
  const auto bytes = *behind(current, at);
  return bytes == 0 ? at->to_string() : fmt::format("{} (-{})", at->to_string(), io::format_bytes(bytes));
}

Json client_json(const ReplicationClient& client, postgres::Lsn current) {
  const auto position = [&](const std::optional<postgres::Lsn>& at) {
    return at ? Json{{"lsn", *at}, {"behind_bytes", behind(current, at)}} : Json();
  };
  return {{"kind", name_of(client.kind)},
          {"pid", client.pid},
          {"application_name", client.application_name},
          {"user", client.user},
          {"address", client.address},
          {"since", client.since},
          {"state", client.state},
          {"sync_state", client.sync_state},
          {"slot", text_or_null(client.slot)},
          {"sent", position(client.sent)},
          {"written", position(client.written)},
          {"flushed", position(client.flushed)},
          {"replayed", position(client.replayed)},
          {"flush_lag_seconds", client.flush_lag_seconds}};
}

void print(const ServerConfig& server, const std::vector<ReplicationClient>& clients, postgres::Lsn current,
           Output& out) {
  out.fact(fmt::format("Server {}: at {}, {}", server.name, current.to_string(),
                       clients.empty() ? "nobody receives its WAL" : counted(clients.size(), "client")));
  if (clients.empty()) return;
  TablePrinter table(
      {{"NAME"}, {"KIND"}, {"FROM"}, {"STATE"}, {"SYNC"}, {"SLOT"}, {"SENT"}, {"FLUSHED"}, {"REPLAYED"}});
  for (const auto& client : clients) {
    table.add({client.application_name, std::string(name_of(client.kind)),
               client.address.empty() ? "local" : client.address, client.state, client.sync_state,
               client.slot.empty() ? "-" : client.slot, shown(current, client.sent),
               shown(current, client.flushed), shown(current, client.replayed)});
  }
  for (const auto& line : table.lines()) out.fact("  " + line);
}

}  // namespace

Exit run_replication_status(const ReplicationStatusArguments& arguments, const Invocation& invocation) {
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, arguments.servers, true);
  auto data = Json::array();
  const auto exit = for_each_server(servers, invocation.out, [&](const ServerConfig& server) {
    auto sql = open_sql(server, invocation.stop);
    auto clients = ask_replication_clients(sql);
    if (arguments.kind)
      std::erase_if(clients, [&](const auto& client) { return client.kind != *arguments.kind; });
    const auto current = ask_current_lsn(sql);
    print(server, clients, current, invocation.out);
    data.push_back(
        {{"server", server.name},
         {"current_lsn", current},
         {"clients", json_list(clients, [&](const auto& client) { return client_json(client, current); })}});
    return Exit::ok;
  });
  invocation.out.data(std::move(data));
  return exit;
}

}  // namespace pgkeep::server
