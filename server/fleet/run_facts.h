#pragma once

#include <string>
#include <vector>

#include "catalog/records/run_journal.h"
#include "server/terminal/output.h"

namespace pgkeep::server {

/// The runs of a server that decide which jobs come next (read_deciding_runs()); none of one that was never
/// reached.
std::vector<catalog::RunRecord> read_job_runs(const store::ServerLayout& layout);

/// "3 min 20 s": how long it took, or has taken by now.
std::string took(const catalog::RunRecord& run);

/// For --json, without its messages:
/// {"id":…,"kind":…,"subject":…,"started":…,"ended":…,"outcome":…,"error":…,"details":…}.
Json run_json(const catalog::RunRecord& run);

}  // namespace pgkeep::server
