#include "server/health/live_facts.h"

#include <charconv>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/versions.h"
#include "server/health/sql_answers.h"
#include "server/health/streamed_node.h"
#include "server/health/sync_standbys.h"
#include "streaming/backup/configuration_files.h"
#include "streaming/wire/replication.h"
#include "streaming/wire/server_text.h"

namespace pgkeep::server {
namespace {

std::optional<SlotFacts> ask_slot(streaming::Connection& sql, const std::string& slot) {
  const auto row =
      ask_row(sql,
              fmt::format("SELECT slot_type, active, active_pid, wal_status, restart_lsn, safe_wal_size, {} "
                          "FROM pg_catalog.pg_replication_slots WHERE slot_name = {}",
                          sql.major_version() >= postgres::since::kInvalidationReason ? "invalidation_reason"
                                                                                      : "NULL",
                          streaming::quote_literal(slot)),
              7);
  if (!row) return std::nullopt;
  const auto& cells = *row;
  SlotFacts facts;
  facts.physical = cell_text(cells[0], "slot_type") == "physical";
  facts.active = cell_text(cells[1], "active") == "t";
  facts.active_pid = cells[2].value_or("");
  facts.wal_status = cells[3].value_or("");
  facts.restart_lsn = cell_lsn(cells[4], "restart_lsn");
  // Below zero when it is lost already.
  if (cells[5])
    facts.safe_wal_bytes = cells[5]->starts_with('-') ? 0 : cell_number(cells[5], "safe_wal_size");
  facts.invalidation = cells[6].value_or("");
  return facts;
}

std::optional<SenderFacts> ask_sender(streaming::Connection& sql, const std::string& pid) {
  if (pid.empty()) return std::nullopt;
  const auto row = ask_row(sql,
                           fmt::format("SELECT state, sync_state, sent_lsn, flush_lsn, "
                                       "extract(epoch FROM flush_lag), application_name, "
                                       "pg_catalog.host(client_addr) FROM "
                                       "pg_catalog.pg_stat_replication WHERE pid = {}",
                                       streaming::quote_literal(pid)),
                           7);
  if (!row) return std::nullopt;
  const auto& cells = *row;
  return SenderFacts{.state = cells[0].value_or("not shown to this role; GRANT pg_monitor"),
                     .sync_state = cells[1].value_or(""),
                     .sent_lsn = cell_lsn(cells[2], "sent_lsn"),
                     .flush_lsn = cell_lsn(cells[3], "flush_lsn"),
                     .flush_lag_seconds = cell_seconds(cells[4]),
                     .application = streaming::in_one_line(cells[5].value_or("")),
                     .address = streaming::in_one_line(cells[6].value_or(""))};
}

}  // namespace

streaming::Connection open_sql(const ServerConfig& server, const std::stop_token& stop,
                               const postgres::Endpoint& peer) {
  auto sql = open_streamed_node(server, peer, streaming::ConnectionKind::sql, stop);
  sql.query("SELECT pg_catalog.set_config('search_path', '', false)");
  return sql;
}

streaming::Connection open_physical(const ServerConfig& server, const std::stop_token& stop,
                                    const postgres::Endpoint& peer) {
  return open_streamed_node(server, peer, streaming::ConnectionKind::physical, stop);
}

postgres::Lsn ask_current_lsn(streaming::Connection& sql) {
  return ask_lsn(sql,
                 "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() "
                 "THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn()) "
                 "ELSE pg_catalog.pg_current_wal_flush_lsn() END");
}

postgres::TimelineId ask_timeline(streaming::Connection& sql) {
  // pg_control lags behind a promotion until the next checkpoint; the name of the segment in hand does not,
  // but a standby cannot tell it.
  const bool in_recovery = ask_value(sql, "SELECT pg_catalog.pg_is_in_recovery()") == "t";
  const auto answer = ask_value(
      sql,
      in_recovery
          ? "SELECT coalesce((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver), "
            "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()))"
          : "SELECT pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8)");
  std::uint32_t value = 0;
  const auto& digits = cell_text(answer, "the timeline");
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, in_recovery ? 10 : 16);
  if (error != std::errc{} || end != digits.data() + digits.size() || value == 0)
    throw ProtocolError(
        fmt::format("the server answered '{}' for its timeline", streaming::in_one_line(digits)));
  return postgres::TimelineId(value);
}

std::optional<std::uint64_t> SlotFacts::retained_bytes(postgres::Lsn current) const {
  if (!restart_lsn) return std::nullopt;
  return current > *restart_lsn ? current - *restart_lsn : 0;
}

LiveFacts ask_live_facts(streaming::Connection& sql, const ServerConfig& server) {
  LiveFacts facts;
  facts.version = sql.version_text();
  facts.major_version = sql.major_version();
  facts.peer = sql.peer();
  const auto system = ask_value(sql, "SELECT system_identifier FROM pg_catalog.pg_control_system()");
  const auto identifier = postgres::SystemIdentifier::parse(cell_text(system, "the system identifier"));
  if (!identifier)
    throw ProtocolError(fmt::format("the server's system identifier is '{}'",
                                    streaming::in_one_line(system.value_or("NULL"))));
  facts.system = *identifier;
  facts.in_recovery = ask_value(sql, "SELECT pg_catalog.pg_is_in_recovery()") == "t";
  facts.timeline = ask_timeline(sql);
  facts.current_lsn = ask_current_lsn(sql);
  facts.wal_level = cell_text(ask_setting(sql, "wal_level"), "wal_level");
  facts.max_wal_senders = cell_number(ask_setting(sql, "max_wal_senders"), "max_wal_senders");
  facts.wal_senders_used = cell_number(
      ask_value(sql, "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'walsender'"),
      "walsenders");
  facts.data_checksums = ask_setting(sql, "data_checksums") == "on";
  if (facts.major_version >= postgres::since::kWalSummaries)
    facts.summarize_wal = ask_setting(sql, "summarize_wal") == "on";
  if (facts.major_version >= postgres::since::kIdleSlotTimeout) {
    auto timeout = ask_setting(sql, "idle_replication_slot_timeout");
    if (timeout != "0") facts.idle_slot_timeout = std::move(timeout);
  }
  facts.commits_wait =
      names_standby(ask_setting(sql, "synchronous_standby_names").value_or(""), server.application_name);
  facts.configuration = streaming::ask_configuration_files(sql);
  facts.slot = ask_slot(sql, server.slot);
  if (facts.slot) facts.sender = ask_sender(sql, facts.slot->active_pid);
  return facts;
}

}  // namespace pgkeep::server
