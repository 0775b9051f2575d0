#pragma once

#include <string>

#include "server/report/fleet_report.h"

namespace pgkeep::server {

/// The report as HTML for a mail: what mail programs show, and so without drawings, and with a style of the
/// plainest kind. html_report() has all. Pure.
std::string html_mail(const FleetReport& report);

}  // namespace pgkeep::server
