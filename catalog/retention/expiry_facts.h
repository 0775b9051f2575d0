#pragma once

#include <functional>
#include <map>

#include "catalog/retention/expiry_plan.h"

namespace pgkeep::catalog {

/// When transactions ended in the archived segments.
using CommitsOf =
    std::function<std::map<postgres::TimelineId, ArchivedCommits>(const WalArchive&, const WalInventory&)>;

/// Reads what expiry is decided from. The files tell of backups, marks and WAL; `commits`, asked of the
/// current line, only when transactions ended, and what it does not know is assumed to be recent. Throws
/// StorageError, also when the folder of backups is missing: then nothing can be said of what is needed.
ExpiryFacts gather_expiry_facts(const store::ServerLayout& layout, const CommitsOf& commits);

}  // namespace pgkeep::catalog
