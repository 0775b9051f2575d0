#pragma once

#include <span>

#include "catalog/index/server_catalog.h"
#include "catalog/retention/expiry_plan.h"

namespace pgkeep::catalog {

/// Reads what expiry is decided from. The files tell of backups, marks and WAL; the index only when
/// transactions ended (`segments`, of the current line), and what it does not know is assumed to be recent.
/// Throws StorageError, also when the folder of backups is missing: then nothing can be said of what is
/// needed.
ExpiryFacts gather_expiry_facts(const store::ServerLayout& layout, std::span<const SegmentRow> segments);

}  // namespace pgkeep::catalog
