#pragma once

#include <chrono>

#include "catalog/wal/wal_archive.h"
#include "streaming/wire/connection.h"

namespace pgkeep::streaming {

/// What is known of whether a server has the history that is held, where its stream continues.
enum class HistoryProof {
  same,           // it has what is held before that position, byte for byte, from a time on
  nothing_held,   // nothing is held before it that could be compared
  not_available,  // it does not have all of that WAL any more
  damaged,        // what is held of it cannot be read
};

/// Asks a server again for what is held before `position`, the begin of a segment on `line`, and compares:
/// the strong witness (held_witness.h), else the weak one, which still finds most servers that were put back
/// to an earlier state and have come past `position` since. RolledBack is thrown when they differ. The server
/// must have come to `position`.
///
/// Costs a command or two, and mostly WAL of a few pages, since transactions end all the time; during a long
/// one what it has written, 1 GiB at most. WAL that an expiry lets go of meanwhile counts as not held. Throws
/// ConnectionLost when the server sends none of it for `patience`, whatever else it sends.
HistoryProof prove_same_history(Connection& connection, const postgres::TimelineHistory& line,
                                const postgres::WalPosition& position, const catalog::WalArchive& archive,
                                std::chrono::milliseconds patience = std::chrono::seconds(60));

}  // namespace pgkeep::streaming
