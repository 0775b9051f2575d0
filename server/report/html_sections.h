#pragma once

#include <string>

#include "server/report/fleet_report.h"
#include "server/report/html_writer.h"
#include "server/report/live_page.h"

namespace pgkeep::server {

// Parts of the report in HTML that the page and the mail have in common. All pure.

/// The head of a page; `live` is nothing for one in a file, where no script runs.
void write_head(const std::string& title, const LivePage* live, HtmlWriter& html);
/// What needs a person, or that nothing does; with the id "needs".
void write_needs(const FleetReport& report, HtmlWriter& html);
/// What happened; nothing without servers.
void write_topics(const FleetReport& report, HtmlWriter& html);
/// The disk, the daemon, the program.
void write_footer(const FleetReport& report, HtmlWriter& html);

}  // namespace pgkeep::server
