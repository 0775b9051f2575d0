#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <spdlog/common.h>

#include "catalog/store/repository.h"
#include "server/daemon/server_stream.h"
#include "server/health/control.h"

namespace pgkeep::server {

/// One server as the supervisor has it.
struct Supervised {
  ServerConfig config;
  std::shared_ptr<ServerStream> stream;  // shared: who watches a server may outlast its removal
};

/// The set of servers that are streamed from: made equal to a configuration, and to another one when that
/// changes, while what did not change continues. Owns the threads that all streams share.
///
/// Threads: any; no call waits for the network or the disk, but wait_until_ended().
class Supervisor {
 public:
  struct Hooks {
    std::function<void()> changed;  // the phase of a stream
    std::function<void(const std::string& server, const catalog::Event& event)> event;
  };
  Supervisor(store::Repository repository, const Output& out, Hooks hooks);
  /// Stops and waits.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Starts, stops and changes streams until there is one for each active server of `config`. One that cannot
  /// be started, since the system has no thread for it, is a line in the log and in the warnings, and is
  /// tried again by look_after().
  ReloadReport apply(const Config& config);

  std::vector<Supervised> servers() const;  // by name
  std::optional<Supervised> find(const std::string& server) const;
  /// Of all streams, the ending ones included.
  std::vector<std::shared_ptr<ServerStream>> streams() const;

  /// To be called every second or so: forgets what has ended, logs disks that do not answer, and starts what
  /// could not be started: true when there are more servers than before.
  bool look_after();

  /// Asks all streams to end, at once.
  void stop();
  /// False when some have not after that time; `names` are theirs.
  bool wait_until_ended(std::chrono::milliseconds at_most, std::vector<std::string>& names);

 private:
  struct Kept {
    Supervised server;
    bool disk_is_busy = false;  // and it was said
  };
  /// A line for the log, which may block: written when the lock is free again.
  struct Line {
    Log log;
    spdlog::level::level_enum level;
    std::string text;
  };
  using Lines = std::vector<Line>;
  ReloadReport apply(const Config& config, Lines& lines);
  bool start(const ServerConfig& config, Lines& lines);
  void change(Kept& kept, const ServerConfig& to, ReloadReport& report, Lines& lines);
  void retire(Kept& kept, const ServerConfig* inactive, ReloadReport& report, Lines& lines);
  static void look_at_disk(Kept& kept, Lines& lines);

  store::Repository repository_;
  const Output* out_;
  Hooks hooks_;
  streaming::WalWorkers workers_;

  mutable std::mutex mutex_;  // guards the following
  std::map<std::string, Kept> servers_;
  std::map<std::string, std::shared_ptr<ServerStream>> ending_;
  std::map<std::string, ServerConfig> unstarted_;
};

}  // namespace pgkeep::server
