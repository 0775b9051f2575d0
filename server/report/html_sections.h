#pragma once

#include "server/report/fleet_report.h"
#include "server/report/html_writer.h"

namespace pgkeep::server {

// Parts of the report in HTML that the page and the mail have in common. All pure.

/// What needs a person, or that nothing does; with the id "needs".
void write_needs(const FleetReport& report, HtmlWriter& html);
/// What happened; nothing without servers.
void write_topics(const FleetReport& report, HtmlWriter& html);
/// The disk, the daemon, the program.
void write_footer(const FleetReport& report, HtmlWriter& html);

}  // namespace pgkeep::server
