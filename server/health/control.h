#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "catalog/records/stream_state.h"
#include "catalog/store/repository.h"
#include "server/health/slot_facts.h"

namespace pgkeep::server {

/// The replication slot as the daemon's watch saw it last.
struct SlotReport {
  SlotFacts facts;
  io::TimePoint seen;
  std::string problem;  // why the watch has no newer answer; empty: it has
};

/// One server under the daemon.
struct ServerReport {
  std::string name;
  catalog::StreamState stream;
  std::optional<SlotReport> slot;
  std::string backup;  // what the daemon's own backup of it does or why the last one failed; empty: nothing
};

/// The daemon as it describes itself.
struct DaemonReport {
  int pid = 0;
  std::string version;
  io::TimePoint started;
  std::filesystem::path config_file;
  io::TimePoint configured;    // when the configuration in force was read
  std::string config_problem;  // why a later one was not taken; empty: none was refused
  std::vector<ServerReport> servers;
};

/// What a reload came to: names of servers, and what is left to do, each with the name of its server.
struct ReloadReport {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;
  std::vector<std::string> unchanged;
  std::vector<std::string> warnings = {};
};

// The daemon answers on a Unix socket in the abstract namespace, named for the repository: it needs no file,
// so it works when the disk is full or hangs. Only the daemon's user and root are answered. One request and
// one answer a connection, each a line of JSON.

/// Nothing when no daemon serves the repository. Throws Error when it does not answer within 5 seconds.
std::optional<DaemonReport> ask_daemon(const store::Repository& repository);

/// Makes the daemon read its configuration again. Throws NotFound when there is none, UsageError with its
/// message when it refuses the configuration; what it does then continues as before.
ReloadReport reload_daemon(const store::Repository& repository);

}  // namespace pgkeep::server
