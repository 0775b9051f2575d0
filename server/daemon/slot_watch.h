#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/daemon/slot_memory.h"
#include "server/daemon/supervisor.h"

namespace pgkeep::server {

/// Looks at the slot of each server over a short SQL session, every watch_interval, by a few threads. Servers
/// that did not answer last time have a thread of their own, so that waiting for the dead keeps nobody from
/// being looked at.
///
/// Does what a look calls for: makes the stream of a lost slot begin again (the receiver makes another), and
/// gives up a slot that keeps more than protect_primary allows. Threads: any.
class SlotWatch {
 public:
  /// `looked` is told of every server after a look; from this object's threads, must not throw or wait.
  explicit SlotWatch(std::function<void(const std::string& server)> looked);
  SlotWatch(const SlotWatch&) = delete;
  SlotWatch& operator=(const SlotWatch&) = delete;
  ~SlotWatch();

  /// Looks at these from now on, and at no others.
  void follow(const std::vector<Supervised>& servers);
  /// Ends without another look; finish() waits for that. False when a thread has not ended by then, because
  /// the name of a host is still being asked for, or the disk hangs: the destructor would wait for it.
  void stop() noexcept;
  bool finish(std::chrono::steady_clock::time_point until);
  /// What was seen last.
  std::optional<SlotReport> report(const std::string& server) const;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Lane { answering, silent };
  struct Watched {
    Supervised server;
    std::optional<SlotReport> report;
    SlotMemory memory;
    std::shared_ptr<std::atomic<bool>> given_up;  // shared: the stream's job may outlast the watch
    Clock::time_point next;
    bool silent = false;  // it did not answer last time
    bool in_hand = false;
  };
  void work(Lane lane, const std::stop_token& stop);
  Watched* next_due(Lane lane, Clock::time_point& wake);
  void look(const Supervised& server, const std::stop_token& stop);
  /// What a server says, and who it was.
  struct Look {
    SlotFacts facts;
    postgres::Endpoint peer;
  };
  Look ask(const Supervised& server, const std::stop_token& stop) const;
  void note(const Supervised& server, Look seen, bool given_up);
  static void log_changes(const Supervised& server, const std::vector<Finding>& changed);
  void act_on_loss(const Supervised& server);
  void give_up(const Supervised& server, const postgres::Endpoint& peer, const std::string& cause);
  std::shared_ptr<std::atomic<bool>> given_up(const std::string& name) const;
  void tell_change();
  void note_silence(const std::string& name, const std::string& why);

  std::function<void(const std::string&)> looked_;
  mutable std::mutex mutex_;  // guards the following
  std::condition_variable_any changed_;
  std::uint64_t changes_ = 0;  // each may make a server due earlier, or for another lane
  int ended_ = 0;              // threads
  std::map<std::string, Watched> watched_;
  std::vector<std::jthread> threads_;  // last: they use all of the above
};

}  // namespace pgkeep::server
