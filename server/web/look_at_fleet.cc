#include "server/web/look_at_fleet.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "server/fleet/fleet.h"
#include "server/report/gather_report.h"

namespace pgkeep::server {
namespace {

constexpr std::chrono::hours kSince{24};

/// What `status` tells; of a server that cannot be read, what there is.
std::vector<ServerStatus> status_of(const std::vector<const ServerConfig*>& servers,
                                    const store::Repository& repository, const DaemonReport& daemon,
                                    const Warn& warn, const std::stop_token& stop) {
  const auto space = read_space_facts(repository);
  std::vector<ServerStatus> all;
  for (const auto* server : servers) {
    if (stop.stop_requested()) throw Interrupted("the look at the fleet was stopped");
    try {
      all.push_back(read_stored_status(*server, repository, daemon, warn));
      all.back().facts.space = space;
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      warn(fmt::format("{}: {}", server->name, error.what()));
    }
  }
  return all;
}

}  // namespace

FleetDocuments look_at_fleet(const Config& config, const store::Repository& repository, DaemonReport daemon,
                             const std::stop_token& stop) {
  FleetFacts facts;
  const auto warn = [&](const std::string& warning) { facts.warnings.push_back(warning); };
  std::vector<const ServerConfig*> servers;  // there may be none yet
  for (const auto& server : config.servers) servers.push_back(&server);
  const auto now = io::now();
  const ReportTimes times{now, now - kSince};
  facts.report =
      gather_report(config, servers, repository, {.report = daemon, .why_unknown = {}}, times, warn, stop);
  try {
    facts.status = status_of(servers, repository, daemon, warn, stop);
  } catch (const StorageError& error) {
    warn(error.what());
  }
  facts.servers = config.servers;
  facts.daemon = std::move(daemon);
  return write_documents(std::move(facts));
}

}  // namespace pgkeep::server
