#include "tests/support/daemon_report.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "catalog/io/handle.h"

namespace pgkeep::test {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(fmt::format("the daemon's control socket: {}: {}", what, std::strerror(errno)));
}

io::UniqueFd connect_to_daemon(const std::filesystem::path& repository) {
  std::ifstream record(repository / "repository.json");
  const auto name = "pgkeep-" + nlohmann::json::parse(record).at("id").get<std::string>();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(name, address.sun_path + 1);  // after a zero: the abstract namespace
  io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) fail("connect");
  return fd;
}

}  // namespace

nlohmann::json daemon_report(const std::filesystem::path& repository) {
  const auto fd = connect_to_daemon(repository);
  const std::string request = "{\"do\": \"report\"}\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) fail("ask");
  std::string answer;
  std::array<char, 65536> buffer;
  for (ssize_t count = 1; count > 0 && !answer.ends_with('\n');) {
    count = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) fail("read");
    answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return nlohmann::json::parse(answer).at("report");
}

}  // namespace pgkeep::test
