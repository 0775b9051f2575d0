#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/records/run_journal.h"
#include "catalog/store/repository.h"
#include "server/health/server_facts.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// Everything `status` shows of one server.
struct ServerStatus {
  ServerFacts facts;
  /// The times that can be recovered to: to the last one without a gap. Nothing when there is none.
  std::optional<io::TimePoint> recoverable_from;
  std::optional<io::TimePoint> recoverable_until;
  std::uint64_t wal_stored_bytes = 0;
  std::optional<catalog::RunRecord> last_failed;  // unless a later run of its kind succeeded

  const WalFacts* wal() const;  // null when nothing was ever stored
  std::string why_not_reached() const;
  std::vector<catalog::Event> alarms(
      io::TimePoint now) const;  // what happened to its WAL of late, newest first
};

/// Reads what is stored, out of the index where there is one, and what the daemon knows. The archive's names
/// and the events are read once.
ServerStatus read_stored_status(const ServerConfig& server,
                                const std::optional<store::Repository>& repository,
                                const std::optional<DaemonReport>& daemon, const Warn& warn);

/// Lines for people.
std::vector<std::string> describe(const ServerStatus& status, io::TimePoint now);
Json status_json(const ServerStatus& status, io::TimePoint now);
/// What of it is about the stream and the slot.
Json stream_json(const StreamFacts& stream, const ServerConfig& server);

}  // namespace pgkeep::server
