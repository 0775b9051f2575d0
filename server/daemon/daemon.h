#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/io/guarded.h"
#include "server/daemon/control_server.h"
#include "server/daemon/finding_teller.h"
#include "server/daemon/job_runner.h"
#include "server/daemon/notifier.h"
#include "server/daemon/repeated_work.h"
#include "server/daemon/slot_watch.h"
#include "server/daemon/state_writer.h"
#include "server/daemon/supervisor.h"
#include "server/health/control.h"
#include "server/web/web_service.h"

namespace pgkeep::server {

/// `pgkeep serve`: puts the parts together (see README.md) and keeps them to the configuration.
class Daemon {
 public:
  Daemon(Config config, store::Repository repository, const Output& out);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  /// Until stop is asked: then all streams are ended in order. Exit::failed when some could not be, since the
  /// disk or the server hangs, and may_wait() is false: the process is to be ended without the destructors.
  Exit run(const std::stop_token& stop);
  bool may_wait() const noexcept { return may_wait_; }

 private:
  struct InForce {
    Config config;
    io::TimePoint since;
    std::string problem;  // of a later configuration that was refused
  };
  ReloadReport apply(const Config& config);
  void tick();
  Exit end();
  void say_status();
  ReloadReport reload();
  void reload_by_signal();
  Config read_changed_config() const;
  Config config() const;
  DaemonReport report() const;
  std::vector<StateWriter::Stream> stream_states() const;
  std::string ailing() const;
  void send_report_if_due(const std::stop_token& stop) const;
  FleetDocuments look(const std::stop_token& stop) const;

  store::Repository repository_;
  Log log_;
  io::TimePoint started_ = io::now();
  bool may_wait_ = true;
  Notifier notifier_;
  std::mutex reload_mutex_;  // one reload at a time
  io::Guarded<InForce> in_force_;
  io::UniqueFd wake_;  // an eventfd: the main loop has something to do
  std::optional<Supervisor> supervisor_;
  std::optional<StateWriter> state_writer_;
  std::optional<JobRunner> jobs_;
  std::optional<SlotWatch> slot_watch_;
  std::atomic<std::chrono::steady_clock::time_point> last_tick_{std::chrono::steady_clock::now()};
  std::optional<WebService> web_;
  std::optional<RepeatedWork> reports_;
  FindingTeller teller_{repository_, log_};  // of the thread of the next
  std::optional<RepeatedWork> findings_;
  std::optional<ControlServer> control_;
};

}  // namespace pgkeep::server
