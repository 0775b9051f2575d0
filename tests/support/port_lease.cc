#include "tests/support/port_lease.h"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace pgkeep::test {
namespace {

struct Range {
  int first = 21000;
  int last = 21999;
};

Range configured_range() {
  Range range;
  const char* text = std::getenv("PGKEEP_TEST_PORTS");
  if (text != nullptr &&
      (std::sscanf(text, "%d-%d", &range.first, &range.last) != 2 || range.first > range.last))
    throw std::runtime_error(fmt::format("PGKEEP_TEST_PORTS is '{}' and should be like 21000-21999", text));
  return range;
}

std::filesystem::path lock_directory() {
  const auto path = std::filesystem::temp_directory_path() / "pgkeep-test-ports";
  if (::mkdir(path.c_str(), 0777) == 0) ::chmod(path.c_str(), 01777);  // shared between users, like /tmp
  return path;
}

/// Empty when another process has the port.
io::UniqueFd try_lock(int port) {
  const auto file = lock_directory() / std::to_string(port);
  io::UniqueFd fd(::open(file.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0644));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return io::UniqueFd();
  return fd;
}

bool nobody_listens(int port) {
  const io::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

PortLease::PortLease() {
  const Range range = configured_range();
  const int count = range.last - range.first + 1;
  // From a random place on, so that a port just given back is not the next one handed out.
  const int offset = static_cast<int>(std::random_device{}() % static_cast<unsigned>(count));
  for (int i = 0; i < count; ++i) {
    const int candidate = range.first + (offset + i) % count;
    lock_ = try_lock(candidate);
    if (lock_ && nobody_listens(candidate)) {
      number_ = candidate;
      return;
    }
  }
  throw std::runtime_error(fmt::format("no free port from {} to {}", range.first, range.last));
}

}  // namespace pgkeep::test
