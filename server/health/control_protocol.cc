#include "server/health/control_protocol.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/records/json.h"
#include "streaming/wire/json.h"

namespace pgkeep::server {
namespace {

using Json = nlohmann::json;

Json slot_json(const SlotReport& report) {
  const auto& facts = report.facts;
  Json json{{"slot", nullptr},
            {"commits_wait", facts.commits_wait},
            {"idle_timeout_seconds", facts.idle_timeout ? Json(facts.idle_timeout->count()) : Json()},
            {"grows", facts.grows},
            {"made_here", facts.made_here},
            {"limit", facts.limit},
            {"seen", report.seen},
            {"problem", report.problem}};
  if (const auto& slot = facts.slot) {
    json["slot"] = {{"physical", slot->physical},
                    {"wal_status", slot->wal_status.value_or(streaming::WalStatus::none)},
                    {"active", slot->active},
                    {"restart_lsn", slot->restart_lsn},
                    {"retained_bytes", slot->retained_bytes},
                    {"safe_wal_bytes", slot->safe_wal_bytes},
                    {"sync_state", slot->user ? slot->user->sync_state : ""},
                    {"invalidation", slot->invalidation}};
  }
  return json;
}

streaming::SlotView slot_view_from(const Json& json) {
  streaming::SlotView slot;
  io::read_item(json, "physical", slot.physical);
  slot.wal_status = json.at("wal_status").get<streaming::WalStatus>();
  io::read_item(json, "active", slot.active);
  io::read_item(json, "restart_lsn", slot.restart_lsn);
  io::read_item(json, "retained_bytes", slot.retained_bytes);
  io::read_item(json, "safe_wal_bytes", slot.safe_wal_bytes);
  io::read_item(json, "invalidation", slot.invalidation);
  if (auto state = json.at("sync_state").get<std::string>(); !state.empty())
    slot.user.emplace().sync_state = std::move(state);
  return slot;
}

SlotReport slot_from(const Json& json) {
  SlotReport report;
  auto& facts = report.facts;
  if (const auto& slot = json.at("slot"); !slot.is_null()) facts.slot = slot_view_from(slot);
  io::read_item(json, "commits_wait", facts.commits_wait);
  if (const auto seconds = io::value_of<std::optional<std::int64_t>>(json.at("idle_timeout_seconds")))
    facts.idle_timeout = std::chrono::seconds(*seconds);
  io::read_item(json, "grows", facts.grows);
  io::read_item(json, "made_here", facts.made_here);
  io::read_item(json, "limit", facts.limit);
  io::read_item(json, "seen", report.seen);
  io::read_item(json, "problem", report.problem);
  return report;
}

Json server_json(const ServerReport& server) {
  return {{"name", server.name},
          {"stream", Json(nlohmann::ordered_json(server.stream))},
          {"slot", server.slot ? slot_json(*server.slot) : Json()},
          {"backup", server.backup}};
}

ServerReport server_from(const Json& json) {
  ServerReport server;
  io::read_item(json, "name", server.name);
  io::read_item(json, "stream", server.stream);
  if (const auto& slot = json.at("slot"); !slot.is_null()) server.slot = slot_from(slot);
  io::read_item(json, "backup", server.backup);
  return server;
}

constexpr std::tuple kReloadItems{
    std::pair{"added", &ReloadReport::added}, std::pair{"removed", &ReloadReport::removed},
    std::pair{"changed", &ReloadReport::changed}, std::pair{"unchanged", &ReloadReport::unchanged},
    std::pair{"warnings", &ReloadReport::warnings}};

}  // namespace

ControlAddress control_address(const store::Repository& repository) {
  const auto name = "pgkeep-" + io::to_hex(repository.id());
  ControlAddress control;
  control.address.sun_family = AF_UNIX;
  std::ranges::copy(name, control.address.sun_path + 1);  // after a zero: the abstract namespace
  control.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return control;
}

io::UniqueFd make_control_socket() {
  io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    const int cause = errno;
    throw StorageError(cause, "control socket", "make");
  }
  return fd;
}

uid_t peer_user(int socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    const int cause = errno;
    throw StorageError(cause, "control socket", "ask for the user at the other end");
  }
  return peer.uid;
}

Json to_json(const DaemonReport& report) {
  auto servers = Json::array();
  for (const auto& server : report.servers) servers.push_back(server_json(server));
  return {{"pid", report.pid},
          {"version", report.version},
          {"started", report.started},
          {"config_file", report.config_file.native()},
          {"configured", report.configured},
          {"config_problem", report.config_problem},
          {"servers", std::move(servers)}};
}

DaemonReport daemon_report_from(const Json& json) {
  DaemonReport report;
  io::read_item(json, "pid", report.pid);
  io::read_item(json, "version", report.version);
  io::read_item(json, "started", report.started);
  report.config_file = json.at("config_file").get<std::string>();
  io::read_item(json, "configured", report.configured);
  io::read_item(json, "config_problem", report.config_problem);
  for (const auto& server : json.at("servers")) report.servers.push_back(server_from(server));
  return report;
}

Json to_json(const ReloadReport& report) {
  nlohmann::ordered_json json;
  io::write_items(json, report, kReloadItems);
  return Json(json);
}

ReloadReport reload_report_from(const Json& json) {
  ReloadReport report;
  io::read_items(json, report, kReloadItems);
  return report;
}

}  // namespace pgkeep::server
