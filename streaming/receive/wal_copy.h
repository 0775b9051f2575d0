#pragma once

#include <optional>
#include <string>

#include "catalog/postgres/timeline.h"
#include "streaming/wire/connection.h"

namespace pgkeep::streaming {

// How the COPY of START_REPLICATION begins and ends (PostgreSQL manual, "Streaming Replication Protocol");
// what goes through it is WalStream's.

/// Sends the command; `slot` may be null. The COPY is open then, unless nothing is left of that timeline at
/// `from`: then where the next one begins is returned. Throws ServerError (58P01: the WAL is not there any
/// more) and ProtocolError.
std::optional<postgres::WalPosition> start_wal_copy(Connection& connection, const std::string* slot,
                                                    const postgres::WalPosition& from);
/// After the server has ended the COPY: where the next timeline begins, nothing when it did not end the
/// timeline.
std::optional<postgres::WalPosition> read_end_of_wal_copy(Connection& connection);
/// Ends the COPY from our side; what the server sends meanwhile is passed over.
void end_wal_copy(Connection& connection);

}  // namespace pgkeep::streaming
