#include "server/health/control_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "catalog/io/error.h"
#include "catalog/io/hashing.h"

namespace pgkeep::server {

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

}  // namespace pgkeep::server
