#include "tests/support/fake_server.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "catalog/io/bytes.h"

namespace pgkeep::test {
namespace {

template <typename T>
std::string big_endian(T value) {
  std::array<std::byte, sizeof(T)> bytes{};
  io::store_be(bytes.data(), value);
  return std::string(io::as_text(bytes));
}

std::uint32_t length_in(const std::string& bytes) {
  return io::load_be<std::uint32_t>(io::as_bytes(bytes).data());
}

std::string error_fields(std::string_view severity, std::string_view sqlstate, std::string_view message,
                         std::string_view detail, std::string_view hint) {
  std::string fields;
  const auto add = [&fields](char code, std::string_view value) {
    if (!value.empty()) fields += code + std::string(value) + '\0';
  };
  add('S', severity);
  add('V', severity);
  add('C', sqlstate);
  add('M', message);
  add('D', detail);
  add('H', hint);
  return fields + '\0';
}

/// A client that has seen enough hangs up; what it thought of it is for the test to say.
struct ClientGone {};

void require(bool done) {
  if (!done) throw ClientGone{};
}

}  // namespace

std::string FakeSession::read_exactly(std::size_t size) {
  std::string bytes(size, '\0');
  if (size == 0) return bytes;  // recv() would wait for a byte even so
  const auto got = ::recv(socket_.get(), bytes.data(), size, MSG_WAITALL);
  require(got == static_cast<ssize_t>(size));
  return bytes;
}

void FakeSession::send(char type, std::string_view body) {
  raw(type + big_endian(static_cast<std::uint32_t>(body.size() + 4)) + std::string(body));
}

void FakeSession::raw(std::string_view bytes) {
  const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  require(sent == static_cast<ssize_t>(bytes.size()));
}

std::map<std::string, std::string> FakeSession::read_startup() {
  const auto body = read_exactly(length_in(read_exactly(4)) - 4);
  std::map<std::string, std::string> parameters;
  std::string_view rest = std::string_view(body).substr(4);  // after the protocol's version
  const auto next = [&rest] {
    const std::string text(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(text.size() + 1);
    return text;
  };
  while (rest.size() > 1) {
    const auto name = next();
    parameters[name] = next();
  }
  return parameters;
}

void FakeSession::welcome(std::string_view server_version) {
  using std::string_literals::operator""s;
  send('R', big_endian(std::uint32_t{0}));
  send('S', fmt::format("server_version{}{}{}", '\0', server_version, '\0'));
  send('S', "integer_datetimes\0on\0"s);
  ready();
}

std::optional<std::pair<char, std::string>> FakeSession::read_message() {
  char type = 0;
  if (::recv(socket_.get(), &type, 1, 0) != 1) return std::nullopt;
  return std::pair{type, read_exactly(length_in(read_exactly(4)) - 4)};
}

std::string FakeSession::read_query() {
  auto message = read_message();
  // A client that has not seen the error yet by which a COPY ended still sends; PostgreSQL passes over that.
  while (message && std::string_view("dcf").find(message->first) != std::string_view::npos)
    message = read_message();
  if (!message || message->first != 'Q') return {};
  return message->second.substr(0, message->second.size() - 1);
}

bool FakeSession::has_message() const {
  char type = 0;
  const auto seen = ::recv(socket_.get(), &type, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen >= 0 || errno != EAGAIN;
}

void FakeSession::wait_for_hangup() {
  while (read_message()) {
  }
}

void FakeSession::rows(const std::vector<std::string>& columns, const std::vector<std::vector<Cell>>& rows) {
  auto description = big_endian(static_cast<std::uint16_t>(columns.size()));
  for (const auto& column : columns) {
    // No table; type text (25) of variable length, without modifier, in text form.
    description += column + '\0' + std::string(6, '\0') + big_endian(std::uint32_t{25}) +
                   big_endian(std::uint16_t{0xFFFF}) + big_endian(std::uint32_t{0xFFFFFFFF}) +
                   big_endian(std::uint16_t{0});
  }
  send('T', description);
  for (const auto& row : rows) {
    auto data = big_endian(static_cast<std::uint16_t>(row.size()));
    for (const auto& cell : row) {
      data += big_endian(cell ? static_cast<std::uint32_t>(cell->size()) : std::uint32_t{0xFFFFFFFF});
      data += cell.value_or("");
    }
    send('D', data);
  }
}

void FakeSession::complete(std::string_view tag) {
  send('C', std::string(tag) + '\0');
}

void FakeSession::ready() {
  send('Z', "I");
}

void FakeSession::answer(const std::vector<std::string>& columns,
                         const std::vector<std::vector<Cell>>& cells) {
  rows(columns, cells);
  complete();
  ready();
}

void FakeSession::error(std::string_view sqlstate, std::string_view message, std::string_view detail,
                        std::string_view hint) {
  send('E', error_fields("ERROR", sqlstate, message, detail, hint));
}

void FakeSession::warning(std::string_view message) {
  send('N', error_fields("WARNING", "01000", message, {}, {}));
}

void FakeSession::copy_out() {
  send('H', std::string(3, '\0'));
}

void FakeSession::copy_both() {
  send('W', std::string(3, '\0'));
}

void FakeSession::copy_data(std::string_view bytes) {
  send('d', bytes);
}

void FakeSession::copy_done() {
  send('c', {});
}

FakeServer::FakeServer(std::function<void(FakeSession&)> script, Connections connections)
    : script_(std::move(script)),
      connections_(connections),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof(address);
  if (::bind(listener_.get(), generic, length) != 0 || ::listen(listener_.get(), 8) != 0 ||
      ::getsockname(listener_.get(), generic, &length) != 0) {
    throw std::system_error(errno, std::generic_category(), "fake server");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { serve(); });
}

FakeServer::~FakeServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // ends accept()
}

std::string FakeServer::conninfo() const {
  return fmt::format("host=127.0.0.1 port={} user=pgkeep sslmode=disable gssencmode=disable", port_);
}

void FakeServer::play(FakeSession session) const {
  try {
    script_(session);
  } catch (const ClientGone&) {
  } catch (const std::exception& failure) {
    ADD_FAILURE() << failure.what();
  }
}

void FakeServer::serve() {
  std::vector<std::jthread> players;
  for (;;) {
    io::UniqueFd socket(::accept(listener_.get(), nullptr, nullptr));
    if (!socket) return;
    const int on = 1;  // each message on its way at once
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    FakeSession session(std::move(socket));
    if (connections_ == Connections::one_by_one) {
      play(std::move(session));
    } else {
      players.emplace_back([this, mine = std::move(session)]() mutable { play(std::move(mine)); });
    }
  }
}

}  // namespace pgkeep::test
