#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <poll.h>
#include <string>
#include <thread>
#include <vector>

#include "catalog/io/guarded.h"
#include "catalog/io/handle.h"
#include "tests/support/port_lease.h"

namespace pgkeep::test {

/// A network between client and server that can fail: forwards a loopback port of its own to another. What is
/// wrong with it adds up (slow, and then one direction stalls) until resume() makes all well again.
/// Threads: everything may be called while it forwards, which it does in a thread of its own. A call returns
/// when what it asks for is in effect.
class TcpProxy {
 public:
  enum class Direction : std::uint8_t { to_server, to_client };

  explicit TcpProxy(int target_port);
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;
  ~TcpProxy();

  int port() const noexcept { return port_.number(); }
  /// Connections that came about so far.
  std::size_t connections() const noexcept { return connections_.load(); }

  /// Resets all connections; new ones are refused until resume().
  void cut();
  /// Resets all connections; new ones come through.
  void reset();
  /// Keeps all connections open and lets nothing through until resume().
  void stall();
  /// The same, one way only.
  void stall(Direction direction);
  /// Lets nothing more through on the connections there are, ever, and tells neither end: as a firewall that
  /// has forgotten them. New ones come through.
  void forget();
  /// Ends each connection there is once exactly `bytes` more have reached its client: mostly in the middle of
  /// a message. The client sees an end, the server a reset.
  void truncate_after(std::size_t bytes);
  /// Every piece of up to `piece_bytes` is on its way for `delay`, and the next one waits for it.
  void slow_down(std::chrono::milliseconds delay, std::size_t piece_bytes = kPieceBytes);
  void resume();

 private:
  static constexpr std::size_t kPieceBytes = 65536;
  using Clock = std::chrono::steady_clock;

  struct Weather {
    bool cut = false;
    std::array<bool, 2> stalled{};  // by Direction
    std::chrono::milliseconds delay{0};
    std::size_t piece_bytes = kPieceBytes;
  };
  /// What is to be done to the connections there are, once.
  struct Blow {
    bool reset = false;
    bool forget = false;
    std::optional<std::size_t> truncate_after = {};
  };
  struct Request {
    Weather weather;
    std::vector<Blow> blows;
    std::uint64_t number = 0;
  };
  /// One direction of a connection; holds one piece at a time.
  struct Pipe {
    std::string piece;
    Clock::time_point due;                      // of the piece
    std::optional<std::size_t> left_until_end;  // bytes that may still pass
  };
  struct Link {
    io::UniqueFd client;
    io::UniqueFd server;
    std::array<Pipe, 2> pipes{};  // by Direction
    bool forgotten = false;

    int source(std::size_t direction) const { return direction == 0 ? client.get() : server.get(); }
    int target(std::size_t direction) const { return direction == 0 ? server.get() : client.get(); }
  };
  template <typename Change>
  void change(Change change);
  void run();
  void take_requests();
  void strike(const Blow& blow);
  void accept_one();
  /// What there is to wait for; sets the time at which the next piece is due.
  std::vector<pollfd> waiting_for(std::optional<Clock::time_point>& next) const;
  /// False when the connection has come to its end.
  bool forward(Link& link) const;
  bool forward(Link& link, std::size_t direction) const;

  const int target_port_;
  PortLease port_;
  io::UniqueFd listener_;
  io::UniqueFd wake_;  // an eventfd: something was asked for
  io::Guarded<Request> request_;
  std::atomic<std::uint64_t> done_ = 0;  // number of the last request in effect
  std::atomic<bool> ending_ = false;
  std::atomic<std::size_t> connections_ = 0;
  Weather weather_;        // the thread's
  std::list<Link> links_;  // the thread's
  std::thread thread_;
};

}  // namespace pgkeep::test
