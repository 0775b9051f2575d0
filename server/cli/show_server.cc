#include "server/cli/show_server.h"

#include <functional>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "catalog/io/lock.h"
#include "catalog/postgres/json.h"
#include "catalog/store/space_use.h"
#include "server/cli/shown_settings.h"
#include "server/fleet/fleet.h"
#include "server/fleet/marked_backup.h"
#include "server/health/server_status.h"
#include "server/health/space_forecast.h"
#include "server/health/stream_facts.h"
#include "server/terminal/table_printer.h"

namespace pgkeep::server {
namespace {

Json identity_json(const catalog::ServerIdentity& identity) {
  return {{"system_identifier", identity.system},
          {"major_version", identity.major_version},
          {"wal_segment_bytes", identity.wal_segment_size.bytes()},
          {"block_bytes", identity.block_bytes}};
}

/// Without connecting: what the daemon says, or the receiver's file.
Json show_stream(const ServerConfig& server, const store::ServerLayout& layout,
                 const std::optional<DaemonReport>& daemon, FactPrinter& facts) {
  const auto stream = read_stream_facts(server.name, layout, daemon);
  facts.add("stream", describe_stream(stream, io::now()));
  if (const auto& state = stream.state) {
    if (state->flushed)
      facts.add("flushed", fmt::format("{} on timeline {}", state->flushed->lsn.to_string(),
                                       state->flushed->timeline.to_string()));
    if (const auto lag = state->lag_bytes()) facts.add("behind", io::format_bytes(*lag));
    facts.add("reconnects", std::to_string(state->reconnects));
    if (!state->last_error.empty()) facts.add("last error", state->last_error);
  }
  if (stream.slot && stream.slot->facts.slot) {
    const auto& slot = *stream.slot->facts.slot;
    if (slot.retained_bytes) facts.add("slot keeps", io::format_bytes(*slot.retained_bytes));
    if (slot.user && !slot.user->sync_state.empty()) facts.add("sync state", slot.user->sync_state);
  }
  return stream_json(stream, server);
}

/// Those that go when their grace time is over. Whose marks cannot be read stays.
std::vector<store::BackupId> going(const store::ServerLayout& layout, Output& out) {
  const ShownMarks marks(layout, out);
  std::vector<store::BackupId> ids;
  for (const auto& backup : store::list_backup_records(layout).backups)
    if (marks.of(backup.id).expired) ids.push_back(backup.id);
  return ids;
}

/// What the packs are there for.
Json show_space_use(const ServerConfig& server, const store::Repository& repository,
                    const store::ServerLayout& layout, FactPrinter& facts, Output& out) {
  Json json{{"alive_bytes", nullptr}, {"in_grace_bytes", nullptr}, {"dead_bytes", nullptr}};
  const auto use = store::space_use(repository, layout, going(layout, out));
  for (const auto& why : use.unknown)
    out.warning(fmt::format("{}: what its packs are there for is not known: {}", server.name, why));
  if (!use.unknown.empty()) return json;
  facts.add(
      "packs",
      fmt::format("{} are needed by backups, {} only by backups in their grace time, {} by none",
                  io::format_bytes(use.alive), io::format_bytes(use.in_grace), io::format_bytes(use.dead)));
  json["alive_bytes"] = use.alive;
  json["in_grace_bytes"] = use.in_grace;
  json["dead_bytes"] = use.dead;
  return json;
}

Json show_identity(const store::ServerLayout& layout, FactPrinter& facts) {
  const auto identity = catalog::read_identity(layout);
  if (!identity) return nullptr;
  facts.add("cluster",
            fmt::format("{}, PostgreSQL {}, WAL segments of {}", identity->system.to_string(),
                        identity->major_version, io::format_bytes(identity->wal_segment_size.bytes())));
  return identity_json(*identity);
}

/// The settings are shown whatever of the rest cannot be read: a warning says what, and why.
Json if_told(const ServerConfig& server, std::string_view what, Output& out,
             const std::function<Json()>& tell) {
  try {
    return tell();
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    out.warning(fmt::format("{}: {} cannot be told: {}", server.name, what, error.what()));
    return nullptr;
  }
}

/// What all servers have in common.
struct Shared {
  std::optional<store::Repository> repository;
  std::optional<DaemonReport> daemon;
  std::optional<SpaceFacts> space;
};

void show_stored(const ServerConfig& server, const Shared& shared, FactPrinter& facts, Json& json,
                 Output& out) {
  const auto& repository = *shared.repository;
  const auto layout = repository.server(server.name);
  facts.add("folder", layout.root().native());
  json["folder"] = layout.root().native();
  json["identity"] = if_told(server, "its cluster", out, [&] { return show_identity(layout, facts); });
  json["stream"] =
      if_told(server, "its stream", out, [&] { return show_stream(server, layout, shared.daemon, facts); });
  json["packs"] = if_told(server, "what its packs are there for", out, [&] {
    return is_known(layout) ? show_space_use(server, repository, layout, facts, out) : Json();
  });
  if (!shared.space) return;
  const auto now = io::now();
  facts.add("disk", describe(*shared.space, server.reserve, now));
  json["space"] = space_json(*shared.space, server.reserve, now);
}

Json show(const ServerConfig& server, const Shared& shared, Output& out) {
  Json json{{"name", server.name}};
  json.update(settings_json(server));
  FactPrinter facts;
  for (const auto& setting : settings()) {
    if (setting.scope == Scope::top) continue;
    const std::string name(setting.name);
    facts.add(name, shown_setting(setting, server));
  }
  for (const auto* key : {"folder", "identity", "stream", "packs", "space"}) json[key] = nullptr;
  if (shared.repository) show_stored(server, shared, facts, json, out);
  out.fact(fmt::format("Server {}:", server.name));
  for (const auto& line : facts.lines()) out.fact("  " + line);
  return json;
}

}  // namespace

Exit run_show_server(const AnyServers& arguments, const Invocation& invocation) {
  auto& out = invocation.out;
  const auto config = load_config(invocation.config_file);
  const auto servers = choose_servers(config, arguments.servers, false);
  Shared shared{.repository = open_repository_if_there(config), .daemon = {}, .space = {}};
  shared.daemon = find_daemon(shared.repository, out);
  if (shared.repository) shared.space = space_facts_to_show(*shared.repository, out);
  auto data = Json::array();
  for (const auto* server : servers) data.push_back(show(*server, shared, out));
  out.data(std::move(data));
  return Exit::ok;
}

}  // namespace pgkeep::server
