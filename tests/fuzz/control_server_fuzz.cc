#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <optional>
#include <poll.h>
#include <string>

#include <nlohmann/json.hpp>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include "catalog/io/error.h"
#include "server/daemon/control_server.h"
#include "server/health/control_protocol.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/memory_folder.h"

// Clients of the daemon's control socket that say anything in any order, and hang up at any time. Each gets
// one line of JSON for the line that it sent, or loses its connection; whatever they did, a client that asks
// for the report afterwards gets it. And what a daemon answers, whatever it is, is understood or refused.

namespace {

using namespace pgkeep;
using fuzz::require;

constexpr std::chrono::seconds kPatience{8};
/// A client is let go after five seconds, whatever it does: on a host that is so busy nothing is shown.
constexpr std::chrono::seconds kServedFor{4};
constexpr std::size_t kMostClients = 12;  // fewer than are served at once, so that nobody has to wait
constexpr std::size_t kLongestRequest = 1024;

/// Whether the report is longer than what a socket takes at once.
std::atomic<bool> long_report{false};

server::DaemonReport report() {
  server::DaemonReport report;
  report.pid = 4711;
  report.version = "1.2.3";
  if (long_report) report.config_problem.assign(std::size_t{300} << 10, 'x');
  auto& main = report.servers.emplace_back();
  main.name = "main";
  main.slot.emplace().facts.slot.emplace().restart_lsn = postgres::Lsn(0x3000000);
  return report;
}

server::ReloadReport reload() {
  throw UsageError("pgkeep.yaml:3: not \xff UTF-8");
}

/// The server under test, for all inputs: what one leaves behind must not harm the next.
class Served {
 public:
  Served() : repository_(store::Repository::open_or_create(fuzz::memory_folder() / "repository")) {
    const server::ControlQuestions questions{.report = report, .reload = reload};
    server_.emplace(
        repository_, [questions](const std::string& line) { return server::answer_control(line, questions); },
        std::make_shared<spdlog::logger>("fuzz", std::make_shared<spdlog::sinks::null_sink_mt>()));
  }
  /// It listens on its own thread, a moment later.
  io::UniqueFd connect() const {
    const auto to = server::control_address(repository_);
    const auto* address = reinterpret_cast<const sockaddr*>(&to.address);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      auto socket = server::make_control_socket();
      if (::connect(socket.get(), address, to.length) == 0) return socket;
      require(std::chrono::steady_clock::now() < deadline, "nobody listens");
      ::poll(nullptr, 0, 1);
    }
  }

 private:
  store::Repository repository_;
  std::optional<server::ControlServer> server_;
};

Served& served() {
  static Served served;
  return served;
}

class Client {
 public:
  Client() : socket_(served().connect()) {}

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // it has closed, or does not read any more
      sent_.append(bytes.substr(0, static_cast<std::size_t>(n)));
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void receive(std::size_t at_most) {
    std::string buffer(at_most, '\0');
    const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) received_.append(buffer, 0, static_cast<std::size_t>(n));
  }
  void end_requests() const { ::shutdown(socket_.get(), SHUT_WR); }

  /// Reads to the end of the connection, and judges what came.
  void finish() {
    end_requests();
    read_to_end();
    const auto line_end = sent_.find('\n');
    const bool asked = line_end != sent_.npos && line_end < kLongestRequest;
    if (!received_.ends_with('\n') && late()) return;
    if (asked) require(received_.ends_with('\n'), "a request without an answer");
    if (received_.empty()) return;
    require(line_end != sent_.npos, "an answer to half a request");
    require(received_.find('\n') == received_.size() - 1, "an answer that is not one line");
    const auto answer = nlohmann::json::parse(received_, nullptr, false);
    require(answer.is_object(), "an answer that is no object");
    require(answer.contains("error") || answer.contains("report"), "an answer to nothing that can be asked");
    if (answer.contains("report")) server::daemon_report_from(answer.at("report"));
  }
  const std::string& received() const { return received_; }
  bool late() const { return std::chrono::steady_clock::now() > connected_ + kServedFor; }

 private:
  void read_to_end() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::array<char, 65536> buffer{};
    for (;;) {
      const auto n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (n > 0) {
        received_.append(buffer.data(), static_cast<std::size_t>(n));
      } else if (n == 0 || errno == ECONNRESET) {
        return;
      } else {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        require(left > 0, "a client is neither answered nor let go");
        pollfd entry{socket_.get(), POLLIN, 0};
        ::poll(&entry, 1, static_cast<int>(left));
      }
    }
  }

  io::UniqueFd socket_;
  std::chrono::steady_clock::time_point connected_ = std::chrono::steady_clock::now();
  std::string sent_;
  std::string received_;
};

constexpr std::array<std::string_view, 8> kSaid{"{\"do\": \"report\"}",
                                                "{\"do\": \"reload\"}",
                                                "{\"do\": 7}",
                                                "{\"do\": \"\xff\"}",
                                                "[]",
                                                "\n",
                                                "\0",
                                                "{"};

void step(std::list<Client>& clients, fuzz::Input& input) {
  const auto kind = input.byte() % 8;
  if (kind == 0 || clients.empty()) {
    if (clients.size() < kMostClients) clients.emplace_back();
    return;
  }
  auto client = clients.begin();
  std::advance(client, input.byte() % clients.size());
  switch (kind) {
    case 1:
      clients.erase(client);  // hangs up, with what it was told unread
      break;
    case 2:
      client->send(input.text(input.byte()));
      break;
    case 3:
      client->send(std::string(input.word(), static_cast<char>(input.byte())));
      break;
    case 4:
      client->receive(1 + input.word());
      break;
    case 5:
      client->end_requests();
      break;
    default:
      client->send(kSaid[input.byte() % kSaid.size()]);
      client->send("\n");
  }
}

void check_clients(fuzz::Input input) {
  long_report = input.byte() % 32 == 0;
  std::list<Client> clients;
  while (!input.empty()) step(clients, input);
  Client good;
  good.send("{\"do\": \"report\"}\n");
  good.finish();
  require(good.late() || good.received().starts_with("{\"report\":"),
          "the next client does not get what it asks for");
  for (auto& client : clients) client.finish();
}

/// The other end: who asks believes no daemon more than its answer shows.
void check_answer(const std::string& bytes) {
  const auto json = nlohmann::json::parse(bytes, nullptr, false);
  for (const auto read : {+[](const nlohmann::json& answer) { server::daemon_report_from(answer); },
                          +[](const nlohmann::json& answer) { server::reload_report_from(answer); }}) {
    try {
      read(json);
    } catch (const nlohmann::json::exception&) {
    } catch (const Corruption&) {
    }
  }
}

/// A sound report with some bytes of its text changed.
void check_changed_answer(fuzz::Input input) {
  long_report = false;
  static const auto sound = server::to_json(report()).dump();
  auto text = sound;
  while (!input.empty()) {
    const auto at = input.word() % text.size();
    if (input.byte() % 4 == 0) {
      text.replace(at, input.byte() % 32, input.text(input.byte() % 32));
      if (text.empty()) return;
    } else {
      text[at] = static_cast<char>(input.byte());
    }
  }
  check_answer(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.byte() % 8) {
    case 0:
      check_answer(input.text(size));
      break;
    case 1:
      check_changed_answer(input);
      break;
    default:
      check_clients(input);
  }
  return 0;
}
