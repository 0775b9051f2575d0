#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/postgres/timeline.h"
#include "streaming/wire/connection.h"
#include "streaming/wire/wal_status.h"

namespace pgkeep::streaming {

/// The server's process that sends WAL over a slot, from pg_stat_replication. What is not shown to the role
/// (pg_monitor) is empty.
struct SlotUser {
  std::string state;       // streaming, catchup …
  std::string sync_state;  // async, sync, quorum, potential
  std::optional<postgres::Lsn> sent_lsn;
  std::optional<postgres::Lsn> flush_lsn;
  /// From sending WAL to hearing that it is flushed, of the newest; nothing when there was none of late.
  std::optional<double> flush_lag_seconds;
  std::string application;
  std::string address;  // of the client; empty for a Unix socket, too
};

/// A replication slot as the server shows it.
struct SlotView {
  std::optional<postgres::Lsn> restart_lsn;      // nothing: it holds nothing back, or no more
  std::optional<postgres::TimelineId> timeline;  // only READ_REPLICATION_SLOT tells it
  bool physical = true;
  // What follows is told by SQL only.
  std::optional<WalStatus> wal_status;
  bool active = false;
  std::string active_pid;                       // of the server's process that uses it; empty: none does
  std::optional<std::uint64_t> retained_bytes;  // of WAL that the server keeps for it
  std::optional<std::uint64_t> safe_wal_bytes;  // until it is invalidated; nothing without a limit
  std::string invalidation;                     // why it was, as far as the server says: 17 and up
  std::optional<SlotUser> user;

  bool is(WalStatus status) const { return wal_status == status; }
};

/// By SQL, in one statement, so that all of it belongs together. Nothing when there is no such slot. Throws
/// ConnectionLost, ServerError, ProtocolError for an answer that cannot be.
std::optional<SlotView> ask_slot(Connection& sql, std::string_view slot);

/// SQL: the end of flushed WAL; on a standby of what it received or replayed.
inline constexpr std::string_view kEndOfWal =
    "CASE WHEN pg_catalog.pg_is_in_recovery() "
    "THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) "
    "ELSE pg_catalog.pg_current_wal_flush_lsn() END";

}  // namespace pgkeep::streaming
