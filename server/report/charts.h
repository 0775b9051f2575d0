#pragma once

#include "server/report/fleet_report.h"
#include "server/report/html_writer.h"

namespace pgkeep::server {

// Charts as HTML with inline SVG, without script and without anything from elsewhere. They are as wide as the
// page; what is text stays HTML, so that it is read on a phone as well. Nothing rests on colour alone. Pure.

/// A row a server: its backups, the times that it can be recovered to, the gaps between, the last proof.
void draw_timeline(const FleetReport& report, HtmlWriter& html);

/// How the file system of the repository filled, as far as that was noted; nothing before two samples.
void draw_disk(const FleetReport& report, HtmlWriter& html);

/// What backups added on each day of the last kServiceDays, of those servers whose journal tells; nothing
/// when that is nothing.
void draw_added_by_day(const FleetReport& report, HtmlWriter& html);

/// The servers that grew most since the time of which the report tells, with bars; nothing when none grew.
void draw_growth(const FleetReport& report, HtmlWriter& html);

}  // namespace pgkeep::server
