#include "server/daemon/control_server.h"

#include <array>
#include <cerrno>
#include <poll.h>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include "catalog/io/error.h"

namespace pgkeep::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostClients = 16;
constexpr std::size_t kLongestRequest = 1024;
constexpr std::chrono::seconds kClientTime{5};
constexpr std::chrono::seconds kListenAgainIn{5};
constexpr int kBacklog = 64;

}  // namespace

std::string answer_control(const std::string& request, const ControlQuestions& questions) {
  nlohmann::json answer;
  try {
    const auto json = nlohmann::json::parse(request, nullptr, false);
    const auto what = json.is_object() ? json.value("do", "") : "";
    if (what == "report") {
      answer["report"] = to_json(questions.report());
    } else if (what == "reload") {
      answer["reload"] = to_json(questions.reload());
    } else {
      answer["error"] = "the request cannot be understood; is this pgkeep of another version?";
    }
  } catch (const std::exception& failure) {
    answer = {{"error", failure.what()}, {"usage", dynamic_cast<const UsageError*>(&failure) != nullptr}};
  }
  return answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ControlServer::ControlServer(const store::Repository& repository, Handler handler, Log log)
    : address_(control_address(repository)),
      handler_(std::move(handler)),
      log_(std::move(log)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) {
    const int cause = errno;
    throw StorageError(cause, "control socket", "make an eventfd for the");
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

ControlServer::~ControlServer() {
  thread_.request_stop();
  ::eventfd_write(wake_.get(), 1);
}

void ControlServer::work(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const bool listening = listener_ || listen();
    std::vector<pollfd> entries{{wake_.get(), POLLIN, 0}};
    entries.push_back({clients_.size() < kMostClients ? listener_.get() : -1, POLLIN, 0});
    auto until = Clock::now() + (listening ? kClientTime : kListenAgainIn);
    for (const auto& client : clients_) {
      entries.push_back(
          {client.socket.get(), static_cast<short>(client.answer.empty() ? POLLIN : POLLOUT), 0});
      until = std::min(until, client.deadline);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    ::poll(entries.data(), entries.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
    auto entry = entries.begin() + 2;
    for (auto& client : clients_) {
      if ((entry++)->revents != 0) serve(client);
      client.done = client.done || Clock::now() >= client.deadline;
    }
    std::erase_if(clients_, [](const Client& client) { return client.done; });
    if (entries[1].revents != 0) accept_new();
  }
}

bool ControlServer::listen() {
  try {
    auto socket = make_control_socket();
    const auto* address = reinterpret_cast<const sockaddr*>(&address_.address);
    if (::bind(socket.get(), address, address_.length) != 0 || ::listen(socket.get(), kBacklog) != 0) {
      const int cause = errno;
      throw StorageError(cause, "control socket", "listen on the");
    }
    listener_ = std::move(socket);
    taken_ = false;
    return true;
  } catch (const StorageError& failure) {
    if (!std::exchange(taken_, true)) {
      log_->error(
          "{}. Nobody can ask this daemon until it can (does another one serve a copy of the repository, "
          "under the same id?); it continues to receive, and tries again",
          failure.what());
    }
    return false;
  }
}

void ControlServer::accept_new() {
  io::UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) {
    if (errno == EMFILE || errno == ENFILE) ::poll(nullptr, 0, 100);  // it stays readable: not in a circle
    return;
  }
  try {
    const auto user = peer_user(socket.get());
    if (user != 0 && user != ::geteuid()) return;
  } catch (const StorageError&) {
    return;
  }
  clients_.emplace_back().socket = std::move(socket);
  clients_.back().deadline = Clock::now() + kClientTime;
}

void ControlServer::serve(Client& client) {
  if (client.answer.empty()) read(client);
  if (!client.answer.empty()) write(client);
}

void ControlServer::read(Client& client) {
  std::array<char, kLongestRequest> buffer{};
  const auto n = ::recv(client.socket.get(), buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    client.done = true;
    return;
  }
  client.request.append(buffer.data(), static_cast<std::size_t>(n));
  const auto end = client.request.find('\n');
  if (end != std::string::npos) {
    client.answer = handler_(client.request.substr(0, end)) + "\n";
  } else if (client.request.size() >= kLongestRequest) {
    client.done = true;
  }
}

void ControlServer::write(Client& client) {
  const auto n = ::send(client.socket.get(), client.answer.data(), client.answer.size(), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) client.answer.erase(0, static_cast<std::size_t>(n));
  client.done = n <= 0 || client.answer.empty();
}

}  // namespace pgkeep::server
