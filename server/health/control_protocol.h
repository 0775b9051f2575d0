#pragma once

#include <string>

#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "catalog/io/handle.h"
#include "catalog/store/repository.h"
#include "server/health/control.h"

namespace pgkeep::server {

// What both ends of the daemon's socket share: "\0pgkeep-<repository id>", SOCK_STREAM; one request and one
// answer, each a line:
//
//     {"do": "report"}   {"report": {…}}
//     {"do": "reload"}   {"reload": {…}}      {"error": "…", "usage": true}

struct ControlAddress {
  sockaddr_un address{};
  socklen_t length = 0;
};
ControlAddress control_address(const store::Repository& repository);

/// A new socket that does not block. Throws StorageError.
io::UniqueFd make_control_socket();

/// The user at the other end. Throws StorageError.
uid_t peer_user(int socket);

// What the two say. Reading throws nlohmann::json::exception or Corruption for what cannot be understood.

nlohmann::json to_json(const DaemonReport& report);
DaemonReport daemon_report_from(const nlohmann::json& json);

nlohmann::json to_json(const ReloadReport& report);
ReloadReport reload_report_from(const nlohmann::json& json);

}  // namespace pgkeep::server
