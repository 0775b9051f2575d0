#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "catalog/store/repository.h"
#include "server/daemon/supervisor.h"
#include "streaming/back_off.h"

namespace pgkeep::server {

/// Takes a base backup of a server by itself when lost WAL has cut its newest one off from the end of what is
/// held: one at a time over the fleet, tried again with growing pauses. Whether one is due is decided from
/// the server's files each time, so that a restart comes to the same decision. Threads: any.
class AutoBackup {
 public:
  /// Borrows the supervisor.
  AutoBackup(store::Repository repository, const Supervisor& supervisor);
  AutoBackup(const AutoBackup&) = delete;
  AutoBackup& operator=(const AutoBackup&) = delete;
  /// Stops a backup that is being taken.
  ~AutoBackup();

  /// The server has changed perhaps: it is looked at soon.
  void consider(const std::string& server);
  /// What is being done or why the last one failed; empty: nothing.
  std::string report(const std::string& server) const;
  /// Asks it to end; false when it has not after that time, because the disk hangs.
  bool finish(std::chrono::milliseconds at_most);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kFirstPause{10};
  static constexpr std::chrono::hours kLongestPause{1};
  /// When the files changed that a decision depends on.
  using Signature = std::pair<std::filesystem::file_time_type, std::filesystem::file_time_type>;
  struct Server {
    std::optional<Signature> decided;  // on these files: none is due
    streaming::BackOff back_off{kFirstPause, kLongestPause};
    Clock::time_point not_before;  // after a failure
  };
  void work(const std::stop_token& stop);
  std::string next_asked(const std::stop_token& stop);
  void examine(const Supervised& server, const std::stop_token& stop);
  void take(const Supervised& server, const std::string& why, const std::stop_token& stop);
  void say(const std::string& server, std::string report);

  store::Repository repository_;
  const Supervisor* supervisor_;
  std::map<std::string, Server> servers_;  // the thread's

  mutable std::mutex mutex_;  // guards the following
  std::condition_variable_any changed_;
  std::map<std::string, std::string> reports_;
  std::set<std::string> asked_;
  bool ended_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace pgkeep::server
