#pragma once

#include "server/report/fleet_report.h"
#include "server/report/html_writer.h"

namespace pgkeep::server {

/// The fleet in HTML, a row a server; on a phone a card a server. The word at a server that has problems
/// leads to the element with the id "needs". Pure.
void write_fleet_table(const FleetReport& report, HtmlWriter& html);

}  // namespace pgkeep::server
