#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/health/finding.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// What `check` found of a server.
struct CheckedServer {
  std::string name;
  std::vector<Finding> findings;  // those that were asked for
  // For graphs; nothing: not known.
  std::optional<io::TimePoint> newest_backup;  // when it ended
  std::optional<std::uint64_t> lag_bytes;      // of WAL that the server has and we have not
  std::optional<std::uint64_t> free_bytes;     // for the repository

  Severity worst() const {
    auto worst = Severity::ok;
    for (const auto& finding : findings) worst = std::max(worst, finding.severity);
    return worst;
  }
};

/// A line, and one for what to do.
void print_finding(const Finding& finding, Output& out);

}  // namespace pgkeep::server
