#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/records/identity.h"
#include "streaming/wire/connection.h"
#include "streaming/wire/slot_view.h"

namespace pgkeep::streaming {

// The replication commands (PostgreSQL manual, "Streaming Replication Protocol"), each on a physical
// connection.

struct SystemInfo {
  postgres::SystemIdentifier system;
  postgres::TimelineId timeline;
  postgres::Lsn position;  // flushed on a primary
};
SystemInfo identify_system(Connection& connection);

std::string show(Connection& connection, std::string_view setting);
/// False for a primary. Needs a connection of pgkeep's own opening: see physical_options() in conninfo.cc.
bool is_standby(Connection& connection);
/// SHOW wal_segment_size.
postgres::WalSegmentSize show_wal_segment_size(Connection& connection);

/// IDENTIFY_SYSTEM and what else makes a server's identity, from a physical connection.
catalog::ServerIdentity ask_identity(Connection& connection, const SystemInfo& system);

struct HistoryFile {
  std::string name;
  std::string content;
};
/// TIMELINE_HISTORY; throws ServerError 58P01 when the server has none.
HistoryFile timeline_history(Connection& connection, postgres::TimelineId timeline);

/// True when it was made, false when a physical slot of that name was there. RESERVE_WAL. Refuses a logical
/// one.
bool create_slot(Connection& connection, const std::string& slot);
/// False when there was none.
bool drop_slot(Connection& connection, const std::string& slot);

/// Nothing when there is no such slot. READ_REPLICATION_SLOT on 15 and up; on 13 and 14 by SQL over
/// `settings`, see ask_slot(). Refuses a logical one.
std::optional<SlotView> read_slot(Connection& connection, const std::string& slot,
                                  const ConnectionSettings& settings, const std::stop_token& stop);

/// The names of the files in pg_wal, by SQL over `settings`: needs pg_monitor. ServerError 42501 without.
std::vector<std::string> list_server_wal(const ConnectionSettings& settings, const std::stop_token& stop);

/// Throws UsageError unless [a-z0-9_]{1,63}.
void check_slot_name(std::string_view slot);
std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);

}  // namespace pgkeep::streaming
