#include "streaming/wire/slot_view.h"

#include <fmt/format.h>

#include "catalog/postgres/versions.h"
#include "streaming/wire/replication.h"
#include "streaming/wire/server_text.h"
#include "streaming/wire/sql_answers.h"

namespace pgkeep::streaming {
namespace {

constexpr const char* kQuestion =
    "SELECT s.slot_type, s.restart_lsn, s.wal_status, s.active, s.active_pid, s.safe_wal_size, {}, {}, "
    "r.pid, r.state, r.sync_state, r.sent_lsn, r.flush_lsn, extract(epoch FROM r.flush_lag), "
    "r.application_name, pg_catalog.host(r.client_addr) "
    "FROM pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_replication r "
    "ON r.pid = s.active_pid WHERE s.slot_name = {}";

enum Column : std::size_t {
  slot_type,
  restart_lsn,
  wal_status,
  active,
  active_pid,
  safe_wal_size,
  invalidation_reason,
  end_of_wal,
  user_pid,
  state,
  sync_state,
  sent_lsn,
  flush_lsn,
  flush_lag,
  application_name,
  client_addr,
  columns
};

WalStatus read_status(const SqlCell& cell) {
  const auto status = parse_wal_status(cell.value_or(""));
  if (!status) not_possible("wal_status", cell);
  return *status;
}

/// Below zero when the limit is passed already.
std::optional<std::uint64_t> read_safe_size(const SqlCell& cell) {
  if (!cell) return std::nullopt;
  return cell->starts_with('-') ? 0 : cell_number(cell, "safe_wal_size");
}

std::optional<std::uint64_t> retained(const std::optional<postgres::Lsn>& from,
                                      const std::optional<postgres::Lsn>& to) {
  if (!from || !to) return std::nullopt;
  return *to > *from ? *to - *from : 0;
}

std::optional<SlotUser> read_user(const SqlRow& cells) {
  if (!cells[user_pid]) return std::nullopt;
  return SlotUser{.state = cells[state].value_or("not shown to this role; GRANT pg_monitor"),
                  .sync_state = cells[sync_state].value_or(""),
                  .sent_lsn = cell_lsn(cells[sent_lsn], "sent_lsn"),
                  .flush_lsn = cell_lsn(cells[flush_lsn], "flush_lsn"),
                  .flush_lag_seconds = cell_seconds(cells[flush_lag]),
                  .application = in_one_line(cells[application_name].value_or("")),
                  .address = in_one_line(cells[client_addr].value_or(""))};
}

}  // namespace

std::optional<SlotView> ask_slot(Connection& sql, std::string_view slot) {
  const auto* reason =
      sql.major_version() >= postgres::since::kInvalidationReason ? "s.invalidation_reason" : "NULL";
  const auto row = ask_row(sql, fmt::format(kQuestion, reason, kEndOfWal, quote_literal(slot)), columns);
  if (!row) return std::nullopt;
  const auto& cells = *row;
  SlotView view;
  view.physical = cell_text(cells[slot_type], "slot_type") == "physical";
  view.restart_lsn = cell_lsn(cells[restart_lsn], "restart_lsn");
  view.wal_status = read_status(cells[wal_status]);
  view.active = cell_text(cells[active], "active") == "t";
  view.active_pid = cells[active_pid].value_or("");
  view.retained_bytes = retained(view.restart_lsn, cell_lsn(cells[end_of_wal], "the end of WAL"));
  view.safe_wal_bytes = read_safe_size(cells[safe_wal_size]);
  view.invalidation = in_one_line(cells[invalidation_reason].value_or(""));
  view.user = read_user(cells);
  return view;
}

}  // namespace pgkeep::streaming
