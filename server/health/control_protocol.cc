#include "server/health/control_protocol.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"
#include "catalog/io/json.h"

namespace pgkeep::server {
namespace {

using Json = nlohmann::json;

io::TimePoint read_time(const Json& json) {
  const auto time = io::parse_rfc3339(json.get_ref<const std::string&>());
  if (!time) throw Corruption("a time of the daemon's answer cannot be understood");
  return *time;
}

template <typename T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

std::optional<std::uint64_t> read_number(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<std::uint64_t>());
}

Json slot_json(const SlotReport& report) {
  const auto& facts = report.facts;
  const auto slot = facts.slot.value_or(streaming::SlotView{});
  return {{"exists", facts.slot.has_value()},
          {"physical", slot.physical},
          {"wal_status", to_string(slot.wal_status.value_or(streaming::WalStatus::none))},
          {"active", slot.active},
          {"restart_lsn", slot.restart_lsn ? Json(slot.restart_lsn->to_string()) : Json()},
          {"retained_bytes", optional_json(slot.retained_bytes)},
          {"safe_wal_bytes", optional_json(slot.safe_wal_bytes)},
          {"sync_state", slot.user ? slot.user->sync_state : ""},
          {"invalidation", slot.invalidation},
          {"commits_wait", facts.commits_wait},
          {"idle_timeout_seconds", facts.idle_timeout ? Json(facts.idle_timeout->count()) : Json()},
          {"grows", facts.grows},
          {"made_here", facts.made_here},
          {"limit", facts.limit},
          {"seen", io::format_rfc3339(report.seen)},
          {"problem", report.problem}};
}

streaming::SlotView slot_view_from(const Json& json) {
  streaming::SlotView slot;
  slot.wal_status = streaming::parse_wal_status(json.at("wal_status").get_ref<const std::string&>());
  if (!slot.wal_status) throw Corruption("a slot's state in the daemon's answer cannot be understood");
  slot.physical = json.at("physical").get<bool>();
  slot.active = json.at("active").get<bool>();
  if (const auto& lsn = json.at("restart_lsn"); !lsn.is_null()) {
    slot.restart_lsn = postgres::Lsn::parse(lsn.get_ref<const std::string&>());
    if (!slot.restart_lsn) throw Corruption("an LSN of the daemon's answer cannot be understood");
  }
  slot.retained_bytes = read_number(json.at("retained_bytes"));
  slot.safe_wal_bytes = read_number(json.at("safe_wal_bytes"));
  slot.invalidation = json.at("invalidation").get<std::string>();
  if (auto state = json.at("sync_state").get<std::string>(); !state.empty())
    slot.user.emplace().sync_state = std::move(state);
  return slot;
}

SlotReport slot_from(const Json& json) {
  SlotReport report;
  auto& facts = report.facts;
  if (json.at("exists").get<bool>()) facts.slot = slot_view_from(json);
  facts.commits_wait = json.at("commits_wait").get<bool>();
  if (const auto& timeout = json.at("idle_timeout_seconds"); !timeout.is_null())
    facts.idle_timeout = std::chrono::seconds(io::whole_number<std::int64_t>(timeout));
  facts.grows = json.at("grows").get<bool>();
  facts.made_here = json.at("made_here").get<bool>();
  facts.limit = io::whole_number<std::uint64_t>(json.at("limit"));
  report.seen = read_time(json.at("seen"));
  report.problem = json.at("problem").get<std::string>();
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
  server.name = json.at("name").get<std::string>();
  server.stream = json.at("stream").get<catalog::StreamState>();
  if (const auto& slot = json.at("slot"); !slot.is_null()) server.slot = slot_from(slot);
  server.backup = json.at("backup").get<std::string>();
  return server;
}

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
          {"started", io::format_rfc3339(report.started)},
          {"config_file", report.config_file.native()},
          {"configured", io::format_rfc3339(report.configured)},
          {"config_problem", report.config_problem},
          {"servers", std::move(servers)}};
}

DaemonReport daemon_report_from(const Json& json) {
  DaemonReport report;
  report.pid = json.at("pid").get<int>();
  report.version = json.at("version").get<std::string>();
  report.started = read_time(json.at("started"));
  report.config_file = json.at("config_file").get<std::string>();
  report.configured = read_time(json.at("configured"));
  report.config_problem = json.at("config_problem").get<std::string>();
  for (const auto& server : json.at("servers")) report.servers.push_back(server_from(server));
  return report;
}

Json to_json(const ReloadReport& report) {
  return {{"added", report.added},
          {"removed", report.removed},
          {"changed", report.changed},
          {"unchanged", report.unchanged},
          {"warnings", report.warnings}};
}

ReloadReport reload_report_from(const Json& json) {
  return {.added = json.at("added").get<std::vector<std::string>>(),
          .removed = json.at("removed").get<std::vector<std::string>>(),
          .changed = json.at("changed").get<std::vector<std::string>>(),
          .unchanged = json.at("unchanged").get<std::vector<std::string>>(),
          .warnings = json.at("warnings").get<std::vector<std::string>>()};
}

}  // namespace pgkeep::server
