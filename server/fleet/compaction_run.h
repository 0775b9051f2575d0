#pragma once

#include <stop_token>
#include <string>

#include "catalog/store/compaction.h"
#include "server/config/config.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// Compacts a server's packs by its settings, as a run of the server where there is something to do. The
/// observer takes the warnings, too. Throws Busy when another command changes the backups of the server, and
/// what store::compact() throws.
store::CompactionResult compact(const ServerConfig& server, const store::ServerLayout& layout,
                                io::ProgressObserver& observer, const std::stop_token& stop);

/// The same after an expiry, which is done whatever becomes of this: what keeps it from being done is a
/// warning, and the next one does it. Throws Interrupted.
store::CompactionResult compact_after_expiry(const ServerConfig& server, const store::ServerLayout& layout,
                                             io::ProgressObserver& observer, const std::stop_token& stop);

/// "3 packs written again, 150 MiB freed".
std::string describe(const store::CompactionResult& result);

/// The figures for --json and the journal of runs.
Json compaction_json(const store::CompactionResult& result);

}  // namespace pgkeep::server
