#pragma once

#include <string>
#include <vector>

#include "catalog/index/server_catalog.h"

// What is stored now, out of an index that may not know all of it yet, or still know what has gone: for those
// who only ask. What the index lacks is read from the files; nothing is written. `unreadable` gets a message
// for each file that cannot be understood or may not be opened, as ServerCatalog::unreadable() has it.
// IndexedSegments says the same of segments.
namespace pgkeep::catalog {

/// Oldest first.
std::vector<store::BackupRecord> stored_backups(ServerCatalog& index, const store::ServerLayout& layout,
                                                std::vector<std::string>& unreadable);

/// Newest first, with their current outcome.
std::vector<RunRecord> stored_runs(ServerCatalog& index, const store::ServerLayout& layout,
                                   std::size_t newest);

}  // namespace pgkeep::catalog
