#pragma once

#include <libpq-fe.h>
#include <memory>
#include <string>
#include <vector>

#include "catalog/io/handle.h"

namespace pgkeep::test {

using Row = std::vector<std::string>;  // NULL comes as an empty string

/// One SQL connection. Everything throws std::runtime_error with the server's message.
class PostgresSession {
 public:
  explicit PostgresSession(const std::string& conninfo);

  /// The rows of the last statement in `query`.
  std::vector<Row> rows(const std::string& query);
  /// The first column of the only row.
  std::string value(const std::string& query);
  void execute(const std::string& query) { rows(query); }

 private:
  std::unique_ptr<PGconn, io::FreeWith<PQfinish>> connection_;
};

}  // namespace pgkeep::test
