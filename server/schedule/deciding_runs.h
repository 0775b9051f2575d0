#pragma once

#include <vector>

#include "catalog/records/run_journal.h"

namespace pgkeep::server {

/// Of the journal of a server the runs that plan_jobs() and failures_of() ask about, with their
/// current outcome, in any order: of each kind of job those since the newest that succeeded, and that one.
/// Reads the journal from its end as far as it has to. Throws StorageError.
std::vector<catalog::RunRecord> read_deciding_runs(const store::ServerLayout& layout, io::TimePoint now);

}  // namespace pgkeep::server
