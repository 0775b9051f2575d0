#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/store/repository.h"
#include "server/health/control.h"
#include "server/report/fleet_report.h"

namespace pgkeep::server {

/// The two moments of a report.
struct ReportTimes {
  io::TimePoint now;
  io::TimePoint since;
};

/// What `pgkeep serve` said of itself.
struct AskedDaemon {
  std::optional<DaemonReport> report;  // nothing: none serves the repository, or it is not known
  std::string why_unknown;             // empty: it is known
};

/// What is read of a server for a report, and warnings of what was read all the same.
struct GatheredServer {
  ReportedServer server;
  std::vector<Finding> repository_problems;  // that any server has
  std::vector<std::string> warnings;
};

/// A need of a server that is not known to be recoverable, where none of these findings says why. Pure.
std::optional<Finding> why_not_recoverable(const ReportedServer& server,
                                           const std::vector<Finding>& findings);

/// Asks the server, reads what is stored, and lets health judge. What cannot be read is a finding among its
/// problems, and keeps nobody from reading the next thing. `repository`: nothing where there is none. Throws
/// Interrupted alone.
GatheredServer gather_server(const Config& config, const ServerConfig& server,
                             const std::optional<store::Repository>& repository,
                             const std::optional<DaemonReport>& daemon, const ReportTimes& times,
                             const std::stop_token& stop);

/// The same for each of these servers, several at once, since one that is away may take long to tell.
/// `version` is that of the program. Warnings go to `warn`, from this thread. Throws Interrupted alone.
FleetReport gather_report(const Config& config, const std::vector<const ServerConfig*>& servers,
                          const std::optional<store::Repository>& repository, const AskedDaemon& daemon,
                          const ReportTimes& times, const Warn& warn, const std::stop_token& stop);

/// The same, as these servers are now and what happened in the time `back`: opens the repository, and asks
/// the daemon. Throws Interrupted, and Refused for a repository of another format.
FleetReport report_now(const Config& config, const std::vector<const ServerConfig*>& servers,
                       std::chrono::milliseconds back, const Warn& warn, const std::stop_token& stop);

}  // namespace pgkeep::server
