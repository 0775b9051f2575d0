#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/postgres/timeline.h"
#include "catalog/postgres/wal_segment.h"
#include "catalog/store/backup_record.h"
#include "server/config/config.h"
#include "server/health/slot_facts.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {

/// What a running PostgreSQL says about itself, asked by SQL.
struct LiveFacts {
  std::string version;  // "18.6"
  int major_version = 0;
  postgres::Endpoint peer;
  postgres::SystemIdentifier system;
  postgres::TimelineId timeline;
  postgres::Lsn current_lsn;  // flushed; on a standby received or replayed
  std::string wal_level;
  std::uint64_t max_wal_senders = 0;
  bool senders_are_hidden = false;  // the role may not see who they are: none counts as used
  std::uint64_t wal_senders_used = 0;
  std::optional<bool> summarize_wal;  // 17 and up
  bool data_checksums = false;
  /// By how much its clock is ahead of ours, without what the question took; less than that is not known.
  std::optional<std::chrono::milliseconds> clock_ahead;
  store::ConfigurationFiles configuration;
  SlotFacts ours;  // our slot
};

/// An SQL session for questions, with search_path emptied.
/// `peer`, when it is known, is the host that WAL comes from: of several in the conninfo that one is asked.
streaming::Connection open_sql(const ServerConfig& server, const std::stop_token& stop,
                               const postgres::Endpoint& peer = {});
/// A physical replication connection for single commands.
streaming::Connection open_physical(const ServerConfig& server, const std::stop_token& stop,
                                    const postgres::Endpoint& peer = {});

/// Throws ConnectionLost, ServerError, ProtocolError for an answer that cannot be.
LiveFacts ask_live_facts(streaming::Connection& sql, const ServerConfig& server);

/// streaming::kEndOfWal.
postgres::Lsn ask_current_lsn(streaming::Connection& sql);

/// The timeline on which the server writes (or, a standby, receives) WAL.
postgres::TimelineId ask_timeline(streaming::Connection& sql);

}  // namespace pgkeep::server
