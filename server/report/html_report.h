#pragma once

#include <string>

#include "server/report/fleet_report.h"
#include "server/report/live_page.h"

namespace pgkeep::server {

/// The report as one HTML file, to look at, print or attach to a mail: it needs nothing else and runs no
/// script. What comes from servers is escaped. Pure.
std::string html_report(const FleetReport& report);

/// The same as a page of the daemon, which refreshes itself: the servers lead to their pages (server_page()),
/// and a script filters and sorts the table. Pure.
std::string fleet_page(const FleetReport& report, const LivePage& live);

}  // namespace pgkeep::server
