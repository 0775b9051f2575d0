#pragma once

#include <stop_token>

#include "catalog/wal_archive.h"
#include "streaming/connection.h"

namespace pgkeep::streaming {

/// What is known of whether a server has the history that is held, where its stream goes on.
enum class HistoryProof {
  same,           // it has the last records before that position, byte for byte
  nothing_held,   // nothing is held before it that could be compared
  not_available,  // it does not have that WAL any more, or what is held of it cannot be read
};

/// Asks a server again for the last records before `position`, the begin of a segment on `line`, and compares
/// them with the archived segment that ends there. They, and not its last page, since a WAL switch leaves
/// zeroes there. A server that was put back to an earlier state and has come past `position` since has
/// others: it throws RolledBack then. The server must have come to `position`.
///
/// Costs one command, 64 KiB of WAL at most, and reading the archived segment. Throws ConnectionLost when the
/// server does not answer in time.
HistoryProof prove_same_history(Connection& connection, const postgres::TimelineHistory& line,
                                const postgres::WalPosition& position, const catalog::WalArchive& archive);

}  // namespace pgkeep::streaming
