#include "server/daemon/slot_question.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/postgres/versions.h"
#include "server/health/sql_answers.h"
#include "server/health/sync_standbys.h"
#include "streaming/wire/replication.h"

namespace pgkeep::server {
namespace {

// One statement, so that the position and the slot belong together.
constexpr const char* kQuestion = R"(
SELECT pg_catalog.pg_is_in_recovery(), l.lsn, s.slot_name, s.active, s.restart_lsn, s.wal_status, s.safe_wal_size,
       r.sync_state, pg_catalog.current_setting('synchronous_standby_names'), {},
       (SELECT setting::bigint * CASE unit WHEN 'min' THEN 60 ELSE 1 END FROM pg_catalog.pg_settings
        WHERE name = 'idle_replication_slot_timeout')
FROM (SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
                  THEN coalesce(pg_catalog.pg_last_wal_receive_lsn(), pg_catalog.pg_last_wal_replay_lsn())
                  ELSE pg_catalog.pg_current_wal_flush_lsn() END AS lsn) l
LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = {} AND s.slot_type = 'physical'
LEFT JOIN pg_catalog.pg_stat_replication r ON r.pid = s.active_pid)";

enum Column : std::size_t {
  in_recovery,
  current,
  name,
  active,
  restart,
  wal_status,
  safe_wal_size,
  sync_state,
  standby_names,
  invalidation,
  idle_timeout,
  columns
};

/// Below zero when the limit is passed already.
std::optional<std::uint64_t> read_safe_size(const SqlCell& cell) {
  if (!cell) return std::nullopt;
  return cell->starts_with('-') ? 0 : cell_number(cell, "safe_wal_size");
}

}  // namespace

SlotAnswer ask_slot(streaming::Connection& sql, const ServerConfig& server) {
  const auto* reason =
      sql.major_version() >= postgres::since::kInvalidationReason ? "s.invalidation_reason" : "NULL";
  const auto query = fmt::format(kQuestion, reason, streaming::quote_literal(server.slot));
  const auto rows = ask_rows(sql, query, columns);
  if (rows.size() != 1)
    throw ProtocolError(fmt::format("the server answered {} rows for a slot", rows.size()));
  const auto& cells = rows.front();
  SlotAnswer answer;
  answer.peer = sql.peer();
  auto& report = answer.report;
  answer.there = cells[name].has_value();
  answer.from_standby = cell_text(cells[in_recovery], "pg_is_in_recovery") == "t";
  answer.invalidation = cells[invalidation].value_or("");
  if (cells[idle_timeout]) {
    const auto seconds = cell_number(cells[idle_timeout], "idle_replication_slot_timeout");
    if (seconds > 0) answer.idle_timeout = std::chrono::seconds(static_cast<std::int64_t>(seconds));
  }
  report.active = cells[active] == "t";
  report.wal_status = cells[wal_status].value_or("");
  if (cells[restart]) report.restart_lsn = cell_lsn(cells[restart], "restart_lsn");
  if (cells[current] && report.restart_lsn) {
    const auto now = *cell_lsn(cells[current], "the end of WAL");
    report.retained_bytes = now > *report.restart_lsn ? now - *report.restart_lsn : 0;
  }
  report.safe_wal_bytes = read_safe_size(cells[safe_wal_size]);
  report.sync_state = cells[sync_state].value_or("");
  // A standby's own setting makes nobody wait.
  report.commits_wait =
      !answer.from_standby && names_standby(cells[standby_names].value_or(""), server.application_name);
  report.seen = io::now();
  return answer;
}

}  // namespace pgkeep::server
