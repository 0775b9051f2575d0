#pragma once

#include <functional>
#include <map>

#include "catalog/index/stored_segments.h"
#include "catalog/retention/expiry_plan.h"

namespace pgkeep::catalog {

/// When transactions ended in these segments. A timeline of which the times of one are not known, or of which
/// one has gone meanwhile, is not known.
std::map<postgres::TimelineId, ArchivedCommits> archived_commits(StoredSegments& stored,
                                                                 const SegmentSet& segments);

/// The same of what the archive of the current line has.
using CommitsOf = std::function<std::map<postgres::TimelineId, ArchivedCommits>(const WalInventory&)>;

/// Reads what expiry is decided from. The files tell of backups, marks and WAL; `commits`, which may take
/// long and so is asked last, only when transactions ended, and what it does not know is assumed to be
/// recent. Throws StorageError, also when the folder of backups is missing: then nothing can be said of what
/// is needed.
ExpiryFacts gather_expiry_facts(const store::ServerLayout& layout, const CommitsOf& commits);

}  // namespace pgkeep::catalog
