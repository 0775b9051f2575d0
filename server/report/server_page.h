#pragma once

#include <string>

#include "server/report/fleet_report.h"
#include "server/report/live_page.h"

namespace pgkeep::server {

/// A live page about one server of the report: what needs a person, its backups, the times that it can be
/// recovered to and the gaps between, its proof, what happened. Nothing where the report has no such server.
/// Pure.
std::optional<std::string> server_page(const FleetReport& report, const std::string& server,
                                       const LivePage& live);

}  // namespace pgkeep::server
