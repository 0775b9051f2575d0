#pragma once

#include "server/report/fleet_report.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// All of the report: what the others shorten, it has whole. docs/commands.md lists its keys. Pure.
Json json_report(const FleetReport& report);

}  // namespace pgkeep::server
