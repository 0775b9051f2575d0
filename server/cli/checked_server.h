#pragma once

#include "server/health/checked_servers.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// The color of a finding.
Tone tone_of(Severity severity);

/// A line, and one for what to do.
void print_finding(const Finding& finding, Output& out);

}  // namespace pgkeep::server
