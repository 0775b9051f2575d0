#pragma once

#include <string>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "catalog/io/handle.h"
#include "catalog/store/repository.h"

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

}  // namespace pgkeep::server
