#pragma once

#include <string>

#include "server/report/fleet_report.h"

namespace pgkeep::server {

/// The widest line of a report in text: mail programs quote and show so much.
inline constexpr std::size_t kReportWidth = 78;

/// The report as text for a mail or a terminal. No line is wider than kReportWidth characters but for a
/// single word that is. Pure.
std::string text_report(const FleetReport& report);

}  // namespace pgkeep::server
