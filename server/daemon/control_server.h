#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "catalog/store/repository.h"
#include "server/health/control.h"
#include "server/health/control_protocol.h"
#include "server/terminal/log.h"

namespace pgkeep::server {

/// What a client of the control socket can ask for. Each may throw: the client gets the message, and is told
/// when it is a UsageError.
struct ControlQuestions {
  std::function<DaemonReport()> report;
  std::function<ReloadReport()> reload;
};

/// The answer to one request, whatever it says (see control_protocol.h), without the end of the line.
std::string answer_control(const std::string& request, const ControlQuestions& questions);

/// Answers on the daemon's control socket, in a thread of its own, to root and the daemon's own user. A
/// client that hangs, talks nonsense or too much loses its connection, and disturbs nobody: few at a time, a
/// short request, a few seconds for all of it. A name that somebody else has taken is tried again; the daemon
/// does its work meanwhile.
class ControlServer {
 public:
  /// From a request to its answer, without the ends of lines; on this object's thread. Must not throw.
  using Handler = std::function<std::string(const std::string& request)>;
  ControlServer(const store::Repository& repository, Handler handler, Log log);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

 private:
  struct Client {
    io::UniqueFd socket;
    std::chrono::steady_clock::time_point deadline;
    std::string request;
    std::string answer;  // what is left to be sent of it
    bool done = false;
  };
  void work(const std::stop_token& stop);
  bool listen();
  void accept_new();
  void serve(Client& client);
  void read(Client& client);
  void write(Client& client);

  ControlAddress address_;
  Handler handler_;
  Log log_;
  io::UniqueFd wake_;  // an eventfd: the end is asked for
  io::UniqueFd listener_;
  bool taken_ = false;  // by another process, and it was said
  std::list<Client> clients_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::server
