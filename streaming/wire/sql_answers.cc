#include "streaming/wire/sql_answers.h"

#include <charconv>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "streaming/wire/replication.h"
#include "streaming/wire/server_text.h"

namespace pgkeep::streaming {

void not_possible(std::string_view what, const SqlCell& cell) {
  throw ProtocolError(
      fmt::format("the server answered '{}' for {}", in_one_line(cell.value_or("NULL")), what));
}

std::string cell_text(const SqlCell& cell, std::string_view what) {
  if (!cell) not_possible(what, cell);
  return *cell;
}

std::uint64_t cell_number(const SqlCell& cell, std::string_view what) {
  std::uint64_t value = 0;
  if (!cell) not_possible(what, cell);
  const auto [end, error] = std::from_chars(cell->data(), cell->data() + cell->size(), value);
  if (error != std::errc{} || end != cell->data() + cell->size()) not_possible(what, cell);
  return value;
}

std::optional<postgres::Lsn> cell_lsn(const SqlCell& cell, std::string_view what) {
  if (!cell) return std::nullopt;
  const auto lsn = postgres::Lsn::parse(*cell);
  if (!lsn) not_possible(what, cell);
  return lsn;
}

std::optional<double> cell_seconds(const SqlCell& cell) {
  if (!cell) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(cell->data(), cell->data() + cell->size(), value);
  if (error != std::errc{} || end != cell->data() + cell->size()) not_possible("an interval", cell);
  return value;
}

std::vector<SqlRow> ask_rows(Connection& sql, const std::string& query, std::size_t columns) {
  auto answer = sql.query(query);
  for (const auto& row : answer.rows) {
    if (row.size() != columns)
      throw ProtocolError(fmt::format("the server answered {} columns to: {}", row.size(), query));
  }
  return std::move(answer.rows);
}

std::optional<SqlRow> ask_row(Connection& sql, const std::string& query, std::size_t columns) {
  auto rows = ask_rows(sql, query, columns);
  if (rows.empty()) return std::nullopt;
  if (rows.size() != 1)
    throw ProtocolError(fmt::format("the server answered {} rows to: {}", rows.size(), query));
  return std::move(rows.front());
}

SqlCell ask_value(Connection& sql, const std::string& query) {
  auto row = ask_row(sql, query, 1);
  if (!row) throw ProtocolError(fmt::format("the server answered no row to: {}", query));
  return std::move(row->front());
}

postgres::Lsn ask_lsn(Connection& sql, const std::string& query) {
  const auto answer = ask_value(sql, query);
  const auto lsn = cell_lsn(answer, "a WAL position");
  if (!lsn) not_possible("a WAL position", answer);
  return *lsn;
}

SqlCell ask_setting(Connection& sql, std::string_view name) {
  return ask_value(sql, fmt::format("SELECT pg_catalog.current_setting({})", quote_literal(name)));
}

}  // namespace pgkeep::streaming
