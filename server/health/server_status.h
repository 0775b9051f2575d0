#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/index/server_catalog.h"
#include "catalog/records/event_journal.h"
#include "catalog/store/repository.h"
#include "server/config/config.h"
#include "server/health/live_facts.h"
#include "server/health/stream_facts.h"
#include "server/health/wal_facts.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// Everything `status` shows of one server.
struct ServerStatus {
  ServerConfig config;
  std::optional<LiveFacts> live;
  std::string unreachable;      // why there are no live facts
  std::optional<WalFacts> wal;  // nothing when nothing was ever stored, like the next
  StreamFacts stream;
  /// The times that can be recovered to: to the last one without a hole. Nothing when there is none.
  std::optional<io::TimePoint> recoverable_from;
  std::optional<io::TimePoint> recoverable_until;
  std::size_t wal_conflicts = 0;       // that nobody has settled
  std::vector<catalog::Event> alarms;  // what happened to its WAL of late, newest first
  postgres::WalSegmentSize wal_segment_size;
  std::uint64_t wal_stored_bytes = 0;
  std::vector<store::BackupRecord> backups;  // of the current line, oldest first
  /// Where there are none of these: those that are there and cannot be read.
  std::vector<store::UnreadBackup> unread_backups;
  std::optional<catalog::RunRecord> last_failed;  // unless a later run of its kind succeeded
};

/// Reads what is stored and what the daemon knows.
ServerStatus read_stored_status(const ServerConfig& server,
                                const std::optional<store::Repository>& repository,
                                const std::optional<DaemonReport>& daemon, Output& out);
/// And asks the server, unless it is inactive. One that cannot be reached is a fact, no error.
void ask_live_status(ServerStatus& status, const std::stop_token& stop);

/// Bytes that the server has and we have not; nothing when one side is not known.
std::optional<std::uint64_t> lag_of(const ServerStatus& status);
/// Of late events (see late_alarms()) the newest about two branches of the cluster; null when there is none.
const catalog::Event* newest_branch_event(const std::vector<catalog::Event>& newest_first);
/// Of the recorded events, those of the last week that somebody has to know, newest first.
std::vector<catalog::Event> late_alarms(std::vector<catalog::Event> events);
/// What somebody should look at, the worst first; empty when nothing is wrong.
std::vector<std::string> problems(const ServerStatus& status, io::TimePoint now);

/// Lines for people.
std::vector<std::string> describe(const ServerStatus& status, io::TimePoint now);
Json status_json(const ServerStatus& status, io::TimePoint now);

}  // namespace pgkeep::server
