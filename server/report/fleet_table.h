#pragma once

#include "server/report/fleet_report.h"
#include "server/report/html_writer.h"

namespace pgkeep::server {

/// The fleet in HTML, a row a server; on a phone a card a server. The word at a server that has problems
/// leads to the element with the id "needs". With `live` the names lead to the pages of the servers, and
/// what a script sorts and filters by is there: `data-sort` of the cells, `data-problem` of the rows. Pure.
void write_fleet_table(const FleetReport& report, HtmlWriter& html, bool live = false);

}  // namespace pgkeep::server
