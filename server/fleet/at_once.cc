#include "server/fleet/at_once.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "streaming/wire/conninfo.h"

namespace pgkeep::server {
namespace {

/// What waits and what is worked on. Thread-safe.
class Turns {
 public:
  Turns(const std::vector<const ServerConfig*>& servers, std::size_t per_host) : per_host_(per_host) {
    for (std::size_t i = 0; i < servers.size(); ++i)
      turns_.push_back({.index = i, .host = streaming::first_host(servers[i]->conninfo)});
  }

  /// Until nothing is left.
  void work_off(const std::function<void(std::size_t)>& work) {
    std::unique_lock lock(mutex_);
    while (const auto* turn = take(lock)) {
      lock.unlock();
      std::exception_ptr failure;
      try {
        work(turn->index);
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      --busy_[turn->host];
      if (failure && !failure_) failure_ = failure;
      changed_.notify_all();
    }
  }

  /// To be called when no thread works any more.
  void throw_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  struct Turn {
    std::size_t index;
    std::string host;
    bool begun = false;
  };

  /// Waits for one whose host has room; nothing when none is left.
  const Turn* take(std::unique_lock<std::mutex>& lock) {
    while (true) {
      if (failure_) return nullptr;
      bool left = false;
      for (auto& turn : turns_) {
        if (turn.begun) continue;
        left = true;
        if (busy_[turn.host] >= per_host_) continue;
        turn.begun = true;
        ++busy_[turn.host];
        return &turn;
      }
      if (!left) return nullptr;
      changed_.wait(lock);
    }
  }

  std::size_t per_host_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<Turn> turns_;
  std::map<std::string, std::size_t> busy_;  // by host
  std::exception_ptr failure_;               // the first
};

}  // namespace

void for_each_at_once(const std::vector<const ServerConfig*>& servers, const AtOnce& limits,
                      const std::function<void(std::size_t)>& work) {
  Turns turns(servers, limits.per_host);
  {
    std::vector<std::jthread> threads;
    const auto wanted = std::min(servers.size(), std::max<std::size_t>(limits.servers, 1));
    for (std::size_t i = 0; i < wanted; ++i) threads.emplace_back([&] { turns.work_off(work); });
  }  // which waits for all
  turns.throw_failure();
}

}  // namespace pgkeep::server
