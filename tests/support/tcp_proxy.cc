#include "tests/support/tcp_proxy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

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
      ::listen(fd.get(), 64) != 0)
    throw std::runtime_error(fmt::format("proxy: cannot listen on port {}: {}", port, std::strerror(errno)));
  return fd;
}

/// Closes with a reset, as a network does that has lost the connection.
void reset_end(io::UniqueFd& fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  fd = io::UniqueFd();
}

constexpr std::size_t index_of(TcpProxy::Direction direction) {
  return static_cast<std::size_t>(direction);
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

template <typename Change>
void TcpProxy::change(Change change) {
  const auto number = request_.with([&](Request& request) {
    change(request);
    return ++request.number;
  });
  ::eventfd_write(wake_.get(), 1);
  wait_until([&] { return done_ >= number; }, "the proxy has done what it was asked");
}

void TcpProxy::cut() {
  change([](Request& request) { request.weather.cut = true; });
}

void TcpProxy::reset() {
  change([](Request& request) { request.blows.push_back({.reset = true}); });
}

void TcpProxy::stall() {
  change([](Request& request) { request.weather.stalled = {true, true}; });
}

void TcpProxy::stall(Direction direction) {
  change([&](Request& request) { request.weather.stalled.at(index_of(direction)) = true; });
}

void TcpProxy::forget() {
  change([](Request& request) { request.blows.push_back({.forget = true}); });
}

void TcpProxy::truncate_after(std::size_t bytes) {
  change([&](Request& request) { request.blows.push_back({.truncate_after = bytes}); });
}

void TcpProxy::slow_down(std::chrono::milliseconds delay, std::size_t piece_bytes) {
  change([&](Request& request) {
    request.weather.delay = delay;
    request.weather.piece_bytes = std::min(piece_bytes, kPieceBytes);
  });
}

void TcpProxy::resume() {
  change([](Request& request) { request.weather = Weather{}; });
}

void TcpProxy::take_requests() {
  auto [weather, blows, number] = request_.with([](Request& request) {
    return Request{request.weather, std::exchange(request.blows, {}), request.number};
  });
  weather_ = weather;
  if (weather.cut) blows.push_back({.reset = true});
  for (const auto& blow : blows) strike(blow);
  done_ = number;
}

void TcpProxy::strike(const Blow& blow) {
  for (auto& link : links_) {
    if (blow.reset) {
      reset_end(link.client);
      reset_end(link.server);
    }
    link.forgotten = link.forgotten || blow.forget;
    if (blow.truncate_after) link.pipes[index_of(Direction::to_client)].left_until_end = blow.truncate_after;
  }
  if (blow.reset) links_.clear();
}

void TcpProxy::accept_one() {
  Link link{
      .client = io::UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)),
      .server = io::UniqueFd()};
  if (!link.client || weather_.cut) return reset_end(link.client);
  link.server = io::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(target_port_);
  if (::connect(link.server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return reset_end(link.client);
  ++connections_;
  links_.push_back(std::move(link));
}

bool TcpProxy::forward(Link& link, std::size_t direction) const {
  auto& pipe = link.pipes.at(direction);
  if (pipe.piece.empty()) {
    pipe.piece.resize(weather_.piece_bytes);
    const ssize_t count = ::recv(link.source(direction), pipe.piece.data(), pipe.piece.size(), MSG_DONTWAIT);
    pipe.piece.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    if (count <= 0) return count < 0 && errno == EAGAIN;
    pipe.due = Clock::now() + weather_.delay;
  }
  if (Clock::now() < pipe.due) return true;
  const auto allowed = std::min(pipe.piece.size(), pipe.left_until_end.value_or(pipe.piece.size()));
  if (allowed > 0) {
    const ssize_t sent =
        ::send(link.target(direction), pipe.piece.data(), allowed, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN;
    pipe.piece.erase(0, static_cast<std::size_t>(sent));
    if (pipe.left_until_end) *pipe.left_until_end -= static_cast<std::size_t>(sent);
  }
  if (pipe.left_until_end != 0u) return true;
  reset_end(link.server);  // the client's end is only closed, so that it still reads what was let through
  return false;
}

bool TcpProxy::forward(Link& link) const {
  if (link.forgotten) return true;
  for (std::size_t direction = 0; direction < link.pipes.size(); ++direction)
    if (!weather_.stalled.at(direction) && !forward(link, direction)) return false;
  return true;
}

std::vector<pollfd> TcpProxy::waiting_for(std::optional<Clock::time_point>& next) const {
  std::vector<pollfd> result = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
  const auto now = Clock::now();
  for (const auto& link : links_) {
    for (std::size_t direction = 0; !link.forgotten && direction < link.pipes.size(); ++direction) {
      const auto& pipe = link.pipes.at(direction);
      if (weather_.stalled.at(direction)) continue;
      if (pipe.piece.empty())
        result.push_back({link.source(direction), POLLIN, 0});
      else if (pipe.due <= now)
        result.push_back({link.target(direction), POLLOUT, 0});
      else
        next = std::min(next.value_or(pipe.due), pipe.due);
    }
  }
  return result;
}

void TcpProxy::run() {
  while (!ending_) {
    std::optional<Clock::time_point> next;
    auto waiting = waiting_for(next);
    const auto wait = next ? std::chrono::ceil<std::chrono::milliseconds>(*next - Clock::now())
                           : std::chrono::milliseconds(-1);
    ::poll(waiting.data(), waiting.size(),
           next ? static_cast<int>(std::max<std::int64_t>(wait.count(), 0)) : -1);
    if (waiting[0].revents != 0) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_.get(), &ignored);
      take_requests();
      continue;  // what is wrong is looked at before anything passes
    }
    if (waiting[1].revents != 0) accept_one();
    std::erase_if(links_, [this](Link& link) { return !forward(link); });
  }
}

}  // namespace pgkeep::test
