#include "tests/support/http_client.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <poll.h>
#include <sstream>
#include <stdexcept>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "tests/support/wait_until.h"

namespace pgkeep::test {

HttpClient::HttpClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error("nobody listens on port " + std::to_string(port));
}

void HttpClient::send(std::string_view text) const {
  while (!text.empty()) {
    const auto n = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string HttpClient::read_to_end() const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    pollfd entry{socket_.get(), POLLIN, 0};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) == 0)
      throw std::runtime_error("the connection is not closed; so far came: " + text);
    const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

bool HttpClient::is_closed() const {
  char ignored = 0;
  const auto n = ::recv(socket_.get(), &ignored, 1, MSG_PEEK | MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

HttpReply parse_reply(const std::string& text) {
  HttpReply reply;
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos) return reply;
  std::istringstream head(text.substr(0, end));
  std::string version;
  head >> version >> reply.status;
  std::string line;
  std::getline(head, line);
  while (std::getline(head, line)) {
    while (line.ends_with('\r')) line.pop_back();
    const auto colon = line.find(": ");
    if (colon == line.npos) continue;
    auto name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    reply.headers[name] = line.substr(colon + 2);
  }
  reply.body = text.substr(end + 4);
  return reply;
}

HttpReply http_get(int port, const std::string& path, const std::string& headers) {
  const HttpClient client(port);
  client.send("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" + headers + "\r\n");
  return parse_reply(client.read_to_end());
}

}  // namespace pgkeep::test
