#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/cli/checked_server.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

// What monitors of the Nagios family read: "Monitoring Plugins Development Guidelines", "Plugin Output for
// Nagios" and "Performance data".

enum class MonitorState : std::uint8_t { ok, warning, critical, unknown };

/// As such monitors want it, and unlike the exit codes of pgkeep: 0 to 3.
Exit exit_of(MonitorState state);

/// The worst of them. Advice is for who looks, and wakes nobody.
MonitorState state_of(std::span<const CheckedServer> servers);

/// "PGKEEP CRITICAL - 1 of 3 servers: main: WAL receiver: nobody receives | main_wal_lag=0B …", and a line
/// for each problem after it.
std::vector<std::string> nagios_lines(std::span<const CheckedServer> servers, io::TimePoint now);

/// The check could not be made.
std::string nagios_unknown(std::string_view why);

}  // namespace pgkeep::server
