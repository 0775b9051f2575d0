#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/postgres/lsn.h"
#include "streaming/wire/connection.h"

namespace pgkeep::streaming {

// What a server answers to a question, read as what it must be. What it cannot be is a ProtocolError that
// says what was asked for and what came.

using SqlCell = std::optional<std::string>;  // nothing: NULL
using SqlRow = std::vector<SqlCell>;

/// Refuses an answer: ProtocolError.
[[noreturn]] void not_possible(std::string_view what, const SqlCell& cell);
std::string cell_text(const SqlCell& cell, std::string_view what);
std::uint64_t cell_number(const SqlCell& cell, std::string_view what);
std::optional<postgres::Lsn> cell_lsn(const SqlCell& cell, std::string_view what);
/// Of an interval as extract(epoch FROM …) gives it.
std::optional<double> cell_seconds(const SqlCell& cell);

/// All rows, of that many columns.
std::vector<SqlRow> ask_rows(Connection& sql, const std::string& query, std::size_t columns);
/// Nothing without a row; there must not be two.
std::optional<SqlRow> ask_row(Connection& sql, const std::string& query, std::size_t columns);
/// The single value of the single row.
SqlCell ask_value(Connection& sql, const std::string& query);
postgres::Lsn ask_lsn(Connection& sql, const std::string& query);
SqlCell ask_setting(Connection& sql, std::string_view name);

}  // namespace pgkeep::streaming
