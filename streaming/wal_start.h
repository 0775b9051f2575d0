#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "catalog/io/error.h"
#include "catalog/wal_archive.h"
#include "streaming/wal_receiver.h"

namespace pgkeep::streaming {

/// Where to stream from.
struct StreamStart {
  postgres::WalPosition position;  // first byte of a segment
  /// No flush position below it is to be reported: the server knows a later one already.
  postgres::Lsn report_from;
};

/// The server is the right one, but has not reached yet what was received from it before: a standby that
/// lags, say.
class ServerBehind : public Error {
 public:
  using Error::Error;
  bool retryable() const noexcept override { return true; }
};

/// Fetches the history of the server's timeline and those of its ancestors that the archive lacks, and stores
/// them durably. Before that, throws Refused when the WAL in the archive is not on that line, ServerBehind
/// when the server has not come so far yet; nothing is stored then. Corruption as
/// WalArchive::store_history().
void adopt_histories(Connection& connection, const SystemInfo& system, catalog::WalArchive& archive,
                     const std::function<void(postgres::TimelineId, const std::string&)>& stored);

/// From what is on disk, or from the fork when the server left its timeline before a record of which only the
/// beginning is here (it was recovered from here to the last byte); else where the slot holds WAL back; else
/// from the server's position, each rounded down to a segment. `warn` hears when the slot cannot be read.
StreamStart choose_start(Connection& connection, const SystemInfo& system, const catalog::WalArchive& archive,
                         const WalReceiverSettings& settings, const std::stop_token& stop,
                         const std::function<void(const std::string&)>& warn);

}  // namespace pgkeep::streaming
