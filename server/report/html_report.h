#pragma once

#include <string>

#include "server/report/fleet_report.h"

namespace pgkeep::server {

/// The report as one HTML file, to look at, print or attach to a mail: it needs nothing else and runs no
/// script. What comes from servers is escaped. Pure.
std::string html_report(const FleetReport& report);

}  // namespace pgkeep::server
