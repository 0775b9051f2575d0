#include "tests/support/postgres_session.h"

#include <stdexcept>

#include <fmt/format.h>

namespace pgkeep::test {

PostgresSession::PostgresSession(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str())) {
  if (PQstatus(connection_.get()) != CONNECTION_OK)
    throw std::runtime_error(fmt::format("{}: {}", conninfo, PQerrorMessage(connection_.get())));
}

std::vector<Row> PostgresSession::rows(const std::string& query) {
  const std::unique_ptr<PGresult, io::FreeWith<PQclear>> result(PQexec(connection_.get(), query.c_str()));
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY)
    throw std::runtime_error(fmt::format("{}: {}", query, PQerrorMessage(connection_.get())));
  std::vector<Row> rows(static_cast<std::size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    for (int column = 0; column < PQnfields(result.get()); ++column)
      rows[static_cast<std::size_t>(row)].emplace_back(PQgetvalue(result.get(), row, column));
  }
  return rows;
}

std::string PostgresSession::value(const std::string& query) {
  const auto all = rows(query);
  if (all.size() != 1 || all.front().empty())
    throw std::runtime_error(fmt::format("{}: returned {} rows, not one", query, all.size()));
  return all.front().front();
}

}  // namespace pgkeep::test
