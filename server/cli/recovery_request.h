#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "recover/plan/plan.h"
#include "server/cli/arguments.h"
#include "server/config/config.h"

namespace pgkeep::server {

/// What the operator of `recover` asked for, from the options. `facts` are of one line of the server; `line`:
/// its number when it was set aside. Throws UsageError for options that do not go together, and what
/// choose_backup() does.
recover::RecoveryRequest make_recovery_request(const Arguments& arguments, const ServerConfig& server,
                                               const recover::RecoveryFacts& facts,
                                               const std::filesystem::path& config_file,
                                               std::optional<unsigned> line = {});

/// restore_command for this host: this program's own path and the configuration's, quoted for the shell and
/// for PostgreSQL's percent signs.
std::string local_get_wal_command(const std::filesystem::path& program,
                                  const std::filesystem::path& config_file, const std::string& server,
                                  std::optional<unsigned> line = {});

}  // namespace pgkeep::server
