#include "server/health/replication_facts.h"

#include "catalog/io/error.h"
#include "streaming/wire/sql_answers.h"

namespace pgkeep::server {
namespace {

constexpr const char* kQuery =
    "SELECT r.pid, r.application_name, r.usename, coalesce(pg_catalog.host(r.client_addr), ''), "
    "r.backend_start, r.state, r.sync_state, s.slot_name, r.sent_lsn, r.write_lsn, r.flush_lsn, "
    "r.replay_lsn, extract(epoch FROM r.flush_lag) "
    "FROM pg_catalog.pg_stat_replication r LEFT JOIN pg_catalog.pg_replication_slots s ON s.active_pid = "
    "r.pid "
    "ORDER BY r.pid";

ReplicationClient::Kind kind_of(const ReplicationClient& client) {
  using Kind = ReplicationClient::Kind;
  if (client.state == "backup") return Kind::backup;
  // A receiver has nothing to replay and reports position 0 for it, which the server shows as NULL.
  return client.replayed ? Kind::standby : Kind::wal_receiver;
}

}  // namespace

std::vector<ReplicationClient> ask_replication_clients(streaming::Connection& sql) {
  std::vector<ReplicationClient> clients;
  for (const auto& row : streaming::ask_rows(sql, kQuery, 13)) {
    ReplicationClient client;
    client.pid = streaming::cell_number(row[0], "pid");
    client.application_name = row[1].value_or("");
    client.user = row[2].value_or("");
    client.address = row[3].value_or("");
    client.since = row[4].value_or("");
    client.state = row[5].value_or("");
    client.sync_state = row[6].value_or("");
    client.slot = row[7].value_or("");
    client.sent = streaming::cell_lsn(row[8], "sent_lsn");
    client.written = streaming::cell_lsn(row[9], "write_lsn");
    client.flushed = streaming::cell_lsn(row[10], "flush_lsn");
    client.replayed = streaming::cell_lsn(row[11], "replay_lsn");
    client.flush_lag_seconds = streaming::cell_seconds(row[12]);
    client.kind = kind_of(client);
    clients.push_back(std::move(client));
  }
  return clients;
}

}  // namespace pgkeep::server
