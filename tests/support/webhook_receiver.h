#pragma once

#include <array>
#include <mutex>
#include <poll.h>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "catalog/io/handle.h"

namespace pgkeep::test {

/// A web server of this host that keeps what is sent to it, and answers what the test wants. Thread-safe.
class WebhookReceiver {
 public:
  WebhookReceiver() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t length = sizeof address;
    ::bind(listening_.get(), reinterpret_cast<::sockaddr*>(&address), length);
    ::listen(listening_.get(), 16);
    ::getsockname(listening_.get(), reinterpret_cast<::sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

  std::string port() const { return std::to_string(port_); }
  /// From now on: "503 Busy", also with further lines of a head.
  void answer(const std::string& status) const {
    const std::scoped_lock lock(mutex_);
    status_ = status;
  }
  /// Whole, with their heads.
  std::vector<std::string> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      ::pollfd entry{listening_.get(), POLLIN, 0};
      if (::poll(&entry, 1, 50) <= 0) continue;
      const io::UniqueFd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      auto request = read_from(client.get());
      const std::scoped_lock lock(mutex_);
      requests_.push_back(std::move(request));
      const auto text = "HTTP/1.1 " + status_ + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      static_cast<void>(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL));
    }
  }

  static std::string read_from(int client) {
    constexpr std::string_view kLength = "Content-Length: ";
    std::string request;
    std::array<char, 4096> buffer{};
    while (true) {
      const auto end = request.find("\r\n\r\n");
      const auto length = request.find(kLength);
      if (end != request.npos &&
          (length == request.npos ||
           request.size() >= end + 4 + std::stoul(request.substr(length + kLength.size()))))
        return request;
      const auto n = ::recv(client, buffer.data(), buffer.size(), 0);
      if (n <= 0) return request;
      request.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  io::UniqueFd listening_;
  unsigned port_ = 0;
  mutable std::mutex mutex_;  // guards the next two
  mutable std::string status_ = "200 OK";
  std::vector<std::string> requests_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::test
