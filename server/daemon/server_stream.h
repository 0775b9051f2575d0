#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "server/config/config.h"
#include "server/daemon/stream_recorder.h"
#include "server/terminal/log.h"

namespace pgkeep::server {

/// One server under the daemon: a thread that receives its WAL until it is stopped, whatever happens. What
/// the receiver throws is a state of this server, and the receiver is started again after a pause.
///
/// Borrows the workers. Threads: any; no call waits for the network or the disk, but the destructor, which
/// waits for the end of the thread.
class ServerStream {
 public:
  /// `before`: the stream that had the server until now and is ending; this one begins when that has ended.
  ServerStream(store::ServerLayout layout, ServerConfig config, streaming::WalWorkers& workers, Log log,
               StreamRecorder::Hooks hooks, std::shared_ptr<ServerStream> before = nullptr);
  ServerStream(const ServerStream&) = delete;
  ServerStream& operator=(const ServerStream&) = delete;
  ~ServerStream();

  /// Takes another configuration; the stream is started again when it matters to it (true), else it
  /// continues.
  bool reconfigure(const ServerConfig& config);
  /// Ends the run of the receiver in order and begins another.
  void reconnect();
  /// The same, with `job` done between the two on this stream's thread: the receiver's connection is gone
  /// then. A job that throws is logged, and the receiver starts all the same. A job of the same name that has
  /// not begun yet is not added again.
  struct Job {
    std::string name;  // "give up the slot"
    std::function<void(const std::stop_token&)> work;
  };
  void between_runs(Job job);
  void stop() noexcept;
  bool ended() const noexcept { return ended_.load(); }

  catalog::StreamState state() const;
  void from_standby(bool standby) { recorder_.from_standby(standby); }
  /// What the server says of its commits: whether none waits for us. Believed for kBelieved at most.
  void no_commit_waits(bool none) noexcept;
  static constexpr std::chrono::minutes kBelieved{2};
  const store::ServerLayout& layout() const noexcept { return layout_; }
  const Log& log() const noexcept { return log_; }

 private:
  void work(const std::stop_token& stop);
  void receive_until_stopped(const std::stop_token& stop);
  void run_receiver(const ServerConfig& config, const std::stop_token& stop);
  void do_jobs(const std::stop_token& stop);
  void pause(const ServerConfig& config, const std::exception& failure, const std::stop_token& stop);

  store::ServerLayout layout_;
  streaming::WalWorkers* workers_;
  Log log_;
  WalLog wal_log_;
  StreamRecorder recorder_;
  const std::shared_ptr<streaming::CommitWaiters> waiters_ = std::make_shared<streaming::CommitWaiters>();
  std::shared_ptr<ServerStream> before_;  // shared with the supervisor, which tells how it is meanwhile

  mutable std::mutex mutex_;  // guards the following
  ServerConfig config_;
  std::stop_source run_;  // ends the run in hand
  std::deque<Job> jobs_;
  const streaming::WalReceiver* receiver_ = nullptr;  // of the run in hand
  streaming::WalProgress last_progress_;              // of earlier runs

  std::atomic<bool> ended_{false};
  std::jthread thread_;  // last: it uses all of the above
};

/// Whether the stream of a server has to be started again to follow a change of its configuration.
bool matters_to_stream(const ServerConfig& before, const ServerConfig& after);

}  // namespace pgkeep::server
