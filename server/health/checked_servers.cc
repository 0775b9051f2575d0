#include "server/health/checked_servers.h"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "catalog/io/error.h"
#include "server/health/findings.h"
#include "server/health/server_facts.h"

namespace pgkeep::server {
namespace {

/// Stopped after a time, or when `stop` is.
class TimeOut {
 public:
  TimeOut(std::chrono::milliseconds after, const std::stop_token& stop)
      : stopped_(stop, [this] { over_.request_stop(); }), clock_([this, after](const std::stop_token& ended) {
          std::unique_lock lock(mutex_);
          const bool early = sleep_.wait_for(lock, ended, after, [&] { return ended.stop_requested(); });
          if (!early) over_.request_stop();
        }) {}
  std::stop_token token() const { return over_.get_token(); }

 private:
  std::stop_source over_;
  std::mutex mutex_;
  std::condition_variable_any sleep_;
  std::stop_callback<std::function<void()>> stopped_;
  std::jthread clock_;
};

CheckedServer check(const Config& config, const ServerConfig& server,
                    const std::optional<DaemonReport>& daemon, const Patience& patience) {
  CheckedServer checked;
  checked.name = server.name;
  try {
    const auto facts = gather_facts(config, server, daemon, patience);
    checked.findings = examine(facts, io::now());
    checked.answered = facts.live.has_value();
    if (facts.stored && !facts.stored->backups.empty())
      checked.newest_backup = facts.stored->backups.back().ended;
    checked.lag_bytes = facts.lag();
    if (facts.space) checked.free_bytes = facts.space->disk.free;
  } catch (const std::exception& failure) {
    checked.findings = {{.key = "check", .severity = Severity::failed, .what = failure.what()}};
  }
  return checked;
}

}  // namespace

std::vector<CheckedServer> check_servers(const Config& config,
                                         const std::vector<const ServerConfig*>& servers,
                                         const std::optional<DaemonReport>& daemon, const AtOnce& limits,
                                         std::chrono::milliseconds time_limit, const std::stop_token& stop) {
  std::vector<CheckedServer> checked(servers.size());
  const TimeOut time_out(time_limit, stop);
  for_each_at_once(servers, limits, [&](std::size_t i) {
    checked[i] = check(config, *servers[i], daemon, {stop, time_out.token()});
  });
  if (stop.stop_requested()) throw Interrupted("the check was stopped");
  return checked;
}

}  // namespace pgkeep::server
