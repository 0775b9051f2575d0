#pragma once

#include <atomic>
#include <list>
#include <thread>

#include "catalog/io/handle.h"
#include "tests/support/port_lease.h"

namespace pgkeep::test {

/// A network between client and server that can fail: forwards a loopback port of its own to another.
/// Threads: everything may be called while it forwards, which it does in a thread of its own.
class TcpProxy {
 public:
  explicit TcpProxy(int target_port);
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  ~TcpProxy();

  int port() const noexcept { return port_.number(); }
  /// Resets all connections; new ones are refused until resume().
  void cut();
  /// Keeps all connections open and lets nothing through until resume().
  void stall();
  void resume();

 private:
  enum class Mode { forwarding, stalled, cut };
  struct Link {
    io::UniqueFd client;
    io::UniqueFd server;
  };
  void set(Mode mode);
  void run();
  void accept_one();
  void forward_ready();

  const int target_port_;
  PortLease port_;
  io::UniqueFd listener_;
  io::UniqueFd wake_;  // an eventfd: the mode has changed
  std::atomic<Mode> mode_ = Mode::forwarding;
  std::atomic<Mode> mode_in_effect_ = Mode::forwarding;
  std::atomic<bool> ending_ = false;
  std::list<Link> links_;
  std::thread thread_;
};

}  // namespace pgkeep::test
