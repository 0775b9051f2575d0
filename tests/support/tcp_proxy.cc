#include "tests/support/tcp_proxy.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <stdexcept>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tests/support/wait_until.h"

namespace pgkeep::test {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

io::UniqueFd listen_on(int port) {
  io::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto address = loopback(port);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 16) != 0)
    throw std::runtime_error(fmt::format("proxy: cannot listen on port {}: {}", port, std::strerror(errno)));
  return fd;
}

/// Closes with a reset, as a network does that has lost the connection.
void reset(io::UniqueFd& fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd = io::UniqueFd();
}

/// Passes on what has come; false at the end of the connection.
bool pass(int from, int to) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::recv(from, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  for (ssize_t sent = 0; sent < count;) {
    const ssize_t now =
        ::send(to, buffer.data() + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += now;
  }
  return true;
}

}  // namespace

TcpProxy::TcpProxy(int target_port)
    : target_port_(target_port), listener_(listen_on(port_.number())), wake_(::eventfd(0, EFD_CLOEXEC)) {
  thread_ = std::thread([this] { run(); });
}

TcpProxy::~TcpProxy() {
  ending_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void TcpProxy::set(Mode mode) {
  mode_ = mode;
  ::eventfd_write(wake_.get(), 1);
  wait_until([&] { return mode_in_effect_ == mode; }, "the proxy has changed its mode");
}

void TcpProxy::cut() {
  set(Mode::cut);
}

void TcpProxy::stall() {
  set(Mode::stalled);
}

void TcpProxy::resume() {
  set(Mode::forwarding);
}

void TcpProxy::accept_one() {
  Link link{io::UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)), io::UniqueFd()};
  if (mode_in_effect_ == Mode::cut) return reset(link.client);
  link.server = io::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(target_port_);
  if (::connect(link.server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return reset(link.client);
  links_.push_back(std::move(link));
}

void TcpProxy::forward_ready() {
  for (auto link = links_.begin(); link != links_.end();) {
    std::array<pollfd, 2> ends{pollfd{link->client.get(), POLLIN, 0}, pollfd{link->server.get(), POLLIN, 0}};
    ::poll(ends.data(), ends.size(), 0);
    const bool alive = (ends[0].revents == 0 || pass(ends[0].fd, ends[1].fd)) &&
                       (ends[1].revents == 0 || pass(ends[1].fd, ends[0].fd));
    link = alive ? std::next(link) : links_.erase(link);
  }
}

void TcpProxy::run() {
  while (!ending_) {
    mode_in_effect_ = mode_.load();
    if (mode_in_effect_ == Mode::cut) {
      for (auto& link : links_) {
        reset(link.client);
        reset(link.server);
      }
      links_.clear();
    }
    std::vector<pollfd> waiting = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    if (mode_in_effect_ == Mode::forwarding) {
      for (const auto& link : links_) {
        waiting.push_back({link.client.get(), POLLIN, 0});
        waiting.push_back({link.server.get(), POLLIN, 0});
      }
    }
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents != 0) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_.get(), &ignored);
      continue;  // the mode is looked at before anything passes
    }
    if (waiting[1].revents != 0) accept_one();
    if (mode_in_effect_ == Mode::forwarding) forward_ready();
  }
}

}  // namespace pgkeep::test
