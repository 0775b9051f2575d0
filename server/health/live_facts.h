#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/postgres/timeline.h"
#include "catalog/postgres/wal_segment.h"
#include "catalog/store/backup_record.h"
#include "server/config/config.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {

/// The replication slot as the server shows it.
struct SlotFacts {
  bool physical = false;
  bool active = false;
  std::string active_pid;  // of the server's process that has it in use; empty: none has
  std::string wal_status;  // reserved, extended, unreserved, lost; empty: nothing reserved
  std::optional<postgres::Lsn> restart_lsn;
  std::optional<std::uint64_t> safe_wal_bytes;  // until it is lost; nothing without a limit
  std::string invalidation;                     // why it is lost, as far as the server says: 17 and up
  /// Of WAL that the server keeps for it.
  std::optional<std::uint64_t> retained_bytes(postgres::Lsn current) const;
};

/// The server's side of the stream that has our slot in use, from pg_stat_replication. It is ours as long as
/// nobody else uses the slot.
struct SenderFacts {
  std::string state;  // streaming, catchup …
  std::string sync_state;
  std::optional<postgres::Lsn> sent_lsn;
  std::optional<postgres::Lsn> flush_lsn;
  /// From sending WAL to hearing that it is flushed, of the newest; nothing when there was none of late.
  std::optional<double> flush_lag_seconds;
  std::string application;  // empty when it is not shown to this role
  std::string address;      // of the client; empty for a Unix socket, too
};

/// What a running PostgreSQL says about itself, asked by SQL.
struct LiveFacts {
  std::string version;  // "18.6"
  int major_version = 0;
  postgres::Endpoint peer;
  postgres::SystemIdentifier system;
  postgres::TimelineId timeline;
  bool in_recovery = false;
  postgres::Lsn current_lsn;  // flushed; on a standby received or replayed
  std::string wal_level;
  std::uint64_t max_wal_senders = 0;
  std::uint64_t wal_senders_used = 0;
  std::optional<bool> summarize_wal;  // 17 and up
  bool data_checksums = false;
  bool commits_wait = false;                     // our name stands in synchronous_standby_names
  std::optional<std::string> idle_slot_timeout;  // 18 and up, when it is set
  store::ConfigurationFiles configuration;
  std::optional<SlotFacts> slot;
  std::optional<SenderFacts> sender;
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

/// The end of flushed WAL; on a standby of what it received or replayed.
postgres::Lsn ask_current_lsn(streaming::Connection& sql);

/// The timeline on which the server writes (or, a standby, receives) WAL.
postgres::TimelineId ask_timeline(streaming::Connection& sql);

}  // namespace pgkeep::server
