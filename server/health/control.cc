#include "server/health/control.h"

#include <cerrno>
#include <chrono>
#include <poll.h>
#include <unistd.h>

#include <fmt/format.h>
#include <sys/stat.h>

#include "catalog/io/bytes.h"
#include "catalog/io/error.h"
#include "catalog/io/json.h"
#include "server/health/control_protocol.h"

namespace pgkeep::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kLongestAnswer = std::size_t{64} << 20;

[[noreturn]] void fail(std::string_view what) {
  throw Error(fmt::format("the daemon does not answer: {}", what));
}

/// A name in the abstract namespace belongs to the first that takes it: only the repository's owner and root
/// are believed.
void require_trusted(int socket, const store::Repository& repository) {
  struct stat folder {};
  const auto user = peer_user(socket);
  if (user == 0 || user == ::geteuid()) return;
  if (::stat(repository.root().c_str(), &folder) == 0 && folder.st_uid == user) return;
  throw Refused(
      fmt::format("user {} has taken the name of the daemon's control socket; it is not answered to", user));
}

/// Nothing when nobody listens.
io::UniqueFd connect_to_daemon(const store::Repository& repository) {
  auto socket = make_control_socket();
  const auto to = control_address(repository);
  const auto deadline = Clock::now() + kPatience;
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to.address), to.length) != 0) {
    const int cause = errno;
    if (cause == ECONNREFUSED) return {};
    if (cause == EINTR) continue;
    if (cause != EAGAIN) throw StorageError(cause, "control socket", "connect");
    if (Clock::now() > deadline) fail("too many others ask");
    ::poll(nullptr, 0, 20);
  }
  require_trusted(socket.get(), repository);
  return socket;
}

/// Waits until the socket is ready for `what`.
void wait_for(int socket, short what, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) fail(fmt::format("nothing came within {} s", kPatience.count()));
    pollfd entry{socket, what, 0};
    if (::poll(&entry, 1, static_cast<int>(left)) > 0) return;
  }
}

void send_line(int socket, std::string_view line, Clock::time_point deadline) {
  while (!line.empty()) {
    const auto n = ::send(socket, line.data(), line.size(), MSG_NOSIGNAL);
    if (n > 0) {
      line.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      wait_for(socket, POLLOUT, deadline);
    } else if (errno != EINTR) {
      fail("it closed the connection");
    }
  }
}

std::string receive_line(int socket, Clock::time_point deadline) {
  std::string line;
  std::array<char, 65536> buffer{};
  while (!line.ends_with('\n')) {
    const auto n = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (n > 0) {
      line.append(buffer.data(), static_cast<std::size_t>(n));
      if (line.size() > kLongestAnswer) fail("its answer does not end");
    } else if (n == 0) {
      fail("it closed the connection");
    } else if (errno == EAGAIN) {
      wait_for(socket, POLLIN, deadline);
    } else if (errno != EINTR) {
      fail("the connection broke");
    }
  }
  return line;
}

/// Reads what the daemon said, which may be another program's, or of another version.
template <typename Read>
auto read_answer(Read&& read) {
  try {
    return read();
  } catch (const nlohmann::json::exception& error) {
    fail(fmt::format("it is of another version perhaps: {}", io::why_no_json(error)));
  }
}

[[noreturn]] void throw_what_it_says(const nlohmann::json& answer) {
  const auto [message, usage] = read_answer(
      [&] { return std::pair(answer.at("error").get<std::string>(), answer.value("usage", false)); });
  if (usage) throw UsageError(message);
  throw Error(message);
}

/// Nothing when no daemon is there.
std::optional<nlohmann::json> ask(const store::Repository& repository, std::string_view request) {
  const auto socket = connect_to_daemon(repository);
  if (!socket) return std::nullopt;
  const auto deadline = Clock::now() + kPatience;
  send_line(socket.get(), nlohmann::json{{"do", request}}.dump() + "\n", deadline);
  const auto answer = receive_line(socket.get(), deadline);
  auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object()) fail("what it says is no answer");
  if (json.contains("error")) throw_what_it_says(json);
  return std::optional(std::move(json));
}

}  // namespace

std::optional<DaemonReport> ask_daemon(const store::Repository& repository) {
  const auto answer = ask(repository, "report");
  if (!answer) return std::nullopt;
  return read_answer([&] { return daemon_report_from(answer->at("report")); });
}

ReloadReport reload_daemon(const store::Repository& repository) {
  const auto answer = ask(repository, "reload");
  if (!answer) {
    throw NotFound(fmt::format("no daemon serves {}; `pgkeep serve` starts one", repository.root().native()));
  }
  return read_answer([&] { return reload_report_from(answer->at("reload")); });
}

}  // namespace pgkeep::server
