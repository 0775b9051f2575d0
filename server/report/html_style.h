#pragma once

#include <string_view>

namespace pgkeep::server {

/// The style sheet of the report: light and dark, wide and narrow, and on paper.
extern const std::string_view kReportStyle;

}  // namespace pgkeep::server
