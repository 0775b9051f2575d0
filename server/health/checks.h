#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/records/run_journal.h"
#include "server/config/config.h"
#include "server/health/control.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// One thing that was looked at.
struct Check {
  enum class Result { ok, advice, failed };
  std::string name;   // "wal_continuous": stays the same between versions, monitors are told it
  std::string label;  // "WAL without holes"
  Result result = Result::ok;
  std::string finding = {};  // what was found
  std::string hint = {};     // what to do about it; empty when nothing
};

/// Adds what `look` finds, if anything. Where it throws, that is what was found: one thing that cannot be
/// looked at keeps nobody from the next. Only Interrupted passes.
void add_check(std::vector<Check>& checks, const std::string& name, const std::string& label,
               const std::function<std::optional<Check>()>& look);

/// Looks at everything that backups, WAL and recovery of a server depend on: the repository, the live server,
/// what is stored. What cannot be looked at because something before it failed is left out. Never throws for
/// what it finds.
std::vector<Check> check_server(const Config& config, const ServerConfig& server,
                                const std::optional<DaemonReport>& daemon, const std::stop_token& stop);

std::string_view to_string(Check::Result result);

}  // namespace pgkeep::server
