#pragma once

#include <array>
#include <cstdint>
#include <variant>

#include "catalog/io/bytes.h"
#include "catalog/io/units.h"
#include "catalog/postgres/lsn.h"

namespace pgkeep::streaming {

// The messages inside the CopyBoth of START_REPLICATION (PostgreSQL manual, "Streaming Replication
// Protocol").

/// 'w': WAL. `data` borrows the message.
struct WalData {
  postgres::Lsn start;
  postgres::Lsn server_end;
  io::TimePoint sent;
  io::ByteView data;
};

/// 'k'
struct Keepalive {
  postgres::Lsn server_end;
  io::TimePoint sent;
  bool reply_now = false;
};

/// Throws ProtocolError for an unknown type or a message that is too short.
std::variant<WalData, Keepalive> parse_wal_message(io::ByteView message);

/// 'r': 34 bytes. Written may run ahead of flushed; applied is always 0: nothing is replayed here.
std::array<std::byte, 34> status_message(postgres::Lsn written, postgres::Lsn flushed, io::TimePoint now,
                                         bool reply_now);

}  // namespace pgkeep::streaming
