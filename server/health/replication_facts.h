#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog/postgres/lsn.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {

/// One client that a server sends WAL to: a row of pg_stat_replication with the slot that it uses.
struct ReplicationClient {
  enum class Kind { wal_receiver, standby, backup };  // receivers store WAL, standbys replay it
  Kind kind = Kind::standby;
  std::uint64_t pid = 0;
  std::string application_name;
  std::string user;
  std::string address;  // empty: a local socket
  std::string since;    // as the server writes times
  std::string state;
  std::string sync_state;
  std::string slot;
  std::optional<postgres::Lsn> sent, written, flushed, replayed;
  std::optional<double> flush_lag_seconds;  // of the newest WAL that was flushed
};

/// All of them, in the order of their processes. What the role may not see is empty (pg_monitor).
std::vector<ReplicationClient> ask_replication_clients(streaming::Connection& sql);

}  // namespace pgkeep::server
