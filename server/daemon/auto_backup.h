#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "catalog/store/repository.h"
#include "server/daemon/supervisor.h"
#include "streaming/receive/back_off.h"

namespace pgkeep::server {

/// Takes a base backup of a server by itself when lost WAL has cut its newest one off from the end of what is
/// held: at most two at a time over the fleet, so that one that hangs does not hold up all others, never two
/// of one server; tried again with growing pauses. Whether one is due is decided from the server's files each
/// time, so that a restart comes to the same decision. WAL comes by the daemon's stream alone. Threads: any.
class AutoBackup {
 public:
  /// Borrows the supervisor.
  AutoBackup(store::Repository repository, const Supervisor& supervisor);
  AutoBackup(const AutoBackup&) = delete;
  AutoBackup& operator=(const AutoBackup&) = delete;
  /// Stops the backups that are being taken.
  ~AutoBackup();

  /// The server has changed perhaps: it is looked at soon, and a backup of one that is not in service any
  /// more is stopped. Asks nothing of others, so that a caller may hold a lock.
  void consider(const std::string& server);
  /// What is being done or why the last one failed; empty: nothing.
  std::string report(const std::string& server) const;
  /// Asks it to end; false when it has not after that time, because the disk hangs.
  bool finish(std::chrono::milliseconds at_most);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kFirstPause{10};
  static constexpr std::chrono::hours kLongestPause{1};
  /// Of the files that a decision depends on. An event may come in the same tick of the file system's clock
  /// as the one before it; then the journal has grown.
  struct Signature {
    std::filesystem::file_time_type journal_changed;
    std::uintmax_t journal_bytes = 0;
    std::filesystem::file_time_type backups_changed;
    bool operator==(const Signature&) const = default;
  };
  static Signature signature_of(const store::ServerLayout& layout);
  /// Belongs to the thread that works on the server.
  struct Server {
    std::optional<Signature> decided;  // on these files: none is due
    streaming::BackOff back_off{kFirstPause, kLongestPause};
    Clock::time_point not_before;  // after a failure
  };
  void work(const std::stop_token& stop);
  void work_on(const std::string& name, const std::stop_token& stop);
  /// A server that nobody works on, which is the caller's from now on until it is given back; empty when stop
  /// was asked.
  std::string next_asked(const std::stop_token& stop);
  void give_back(const std::string& server);
  void stop_backups_of_gone(const std::stop_token& stop);
  Server& state_of(const std::string& server);
  void examine(const Supervised& server, Server& state, const std::stop_token& stop);
  void take(const Supervised& server, const std::string& why, const std::stop_token& stop);
  void say(const std::string& server, std::string report);

  store::Repository repository_;
  const Supervisor* supervisor_;

  mutable std::mutex mutex_;  // guards the following
  std::condition_variable_any changed_;
  std::map<std::string, std::string> reports_;
  std::set<std::string> asked_;
  std::set<std::string> in_doubt_;  // asked for while they were worked on: they may be gone
  std::map<std::string, std::stop_source> worked_on_;
  std::map<std::string, Server> servers_;
  std::size_t ended_ = 0;                // of the threads that take backups
  std::array<std::jthread, 2> threads_;  // last, with the next: they use all of the above
  std::jthread watch_;
};

}  // namespace pgkeep::server
