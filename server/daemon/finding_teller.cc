#include "server/daemon/finding_teller.h"

#include <spdlog/spdlog.h>

#include "server/health/checked_servers.h"
#include "server/notify/send_notifications.h"

namespace pgkeep::server {
namespace {

constexpr std::size_t kAtOnce = 16;
constexpr std::chrono::seconds kServersMayTake{30};

}  // namespace

void FindingTeller::look(const Config& config, const DaemonReport& daemon, const std::stop_token& stop) {
  if (!config.notify.tells_anybody()) {
    steady_ = {};
    return;
  }
  std::vector<const ServerConfig*> servers;  // there may be none yet
  for (const auto& server : config.servers)
    if (server.active) servers.push_back(&server);
  const auto checked = check_servers(config, servers, daemon, {.servers = kAtOnce}, kServersMayTake, stop);
  const auto now = steady_.take(problems_of(checked));
  if (!now) return;
  const auto turn = send_notifications(config, repository_, *now, io::now(), stop);
  for (const auto& sent : turn.sent) log_->info("told by {}", sent);
  for (const auto& failed : turn.failed) log_->error("{}", failed);
}

}  // namespace pgkeep::server
