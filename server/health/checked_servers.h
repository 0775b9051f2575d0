#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/fleet/at_once.h"
#include "server/health/finding.h"
#include "server/health/stream_facts.h"

namespace pgkeep::server {

/// What was found of a server.
struct CheckedServer {
  std::string name;
  std::vector<Finding> findings;
  /// False: it could not be asked, and what only it could tell is not among the findings.
  bool answered = false;
  // For graphs; nothing: not known.
  std::optional<io::TimePoint> newest_backup;  // when it ended
  std::optional<std::uint64_t> lag_bytes;      // of WAL that the server has and we have not
  std::optional<std::uint64_t> free_bytes;     // for the repository

  Severity worst() const {
    auto worst = Severity::ok;
    for (const auto& finding : findings) worst = std::max(worst, finding.severity);
    return worst;
  }
};

/// Looks at servers, several at a time, since one that is away may take long to tell; in their order. Those
/// that have not answered after `time_limit` count as away. Throws Interrupted alone.
std::vector<CheckedServer> check_servers(const Config& config,
                                         const std::vector<const ServerConfig*>& servers,
                                         const std::optional<DaemonReport>& daemon, const AtOnce& limits,
                                         std::chrono::milliseconds time_limit, const std::stop_token& stop);

}  // namespace pgkeep::server
