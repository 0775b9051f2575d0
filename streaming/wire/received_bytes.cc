#include "streaming/wire/received_bytes.h"

#include <algorithm>
#include <cstddef>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace pgkeep::streaming {

std::optional<std::uint64_t> bytes_read(int socket) {
  // Before the total: what comes in between then counts as read, which only errs by what is in flight.
  const auto unread = static_cast<std::uint64_t>(unread_bytes(socket));
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  constexpr auto kEnd = offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received;
  if (length < kEnd) return std::nullopt;  // Linux before 4.1
  return info.tcpi_bytes_received - std::min<std::uint64_t>(info.tcpi_bytes_received, unread);
}

int unread_bytes(int socket) {
  int bytes = 0;
  return socket >= 0 && ::ioctl(socket, FIONREAD, &bytes) == 0 ? bytes : 0;
}

bool is_unix_socket(int socket) {
  int domain = 0;
  socklen_t length = sizeof domain;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

}  // namespace pgkeep::streaming
