#pragma once

#include <string_view>

namespace pgkeep::server {

/// The style sheet of the report: light and dark, wide and narrow, and on paper.
extern const std::string_view kReportStyle;
/// What live pages have beside it: links, what the script adds, and tables with a line for each backup.
extern const std::string_view kLiveStyle;

}  // namespace pgkeep::server
