#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/server_catalog.h"
#include "catalog/store/repository.h"
#include "server/config.h"
#include "server/live_facts.h"
#include "server/output.h"
#include "server/wal_facts.h"

namespace pgkeep::server {

/// Everything `status` shows of one server.
struct ServerStatus {
  ServerConfig config;
  std::optional<LiveFacts> live;
  std::string unreachable;      // why there are no live facts
  std::optional<WalFacts> wal;  // nothing when nothing was ever stored, like the next
  postgres::WalSegmentSize wal_segment_size;
  std::uint64_t wal_stored_bytes = 0;
  std::vector<store::BackupRecord> backups;       // oldest first
  std::optional<catalog::RunRecord> last_failed;  // unless a later run of its kind succeeded
};

/// Asks the server (unless it is inactive) and reads what is stored. A server that cannot be reached is a
/// fact; what cannot be read of the repository is thrown.
ServerStatus read_status(const ServerConfig& server, const std::optional<store::Repository>& repository,
                         const std::stop_token& stop, Output& out);

/// Lines for people.
std::vector<std::string> describe(const ServerStatus& status);
Json status_json(const ServerStatus& status);

}  // namespace pgkeep::server
