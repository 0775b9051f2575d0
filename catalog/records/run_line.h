#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/records/run_journal.h"

namespace pgkeep::catalog {

/// A line of runs.jsonl, sealed and without its newline: JSON without a space between items, which begins
/// with the id and the kind, so that who looks for some runs need not take all lines apart.
std::string to_line(const RunRecord& run);

/// Nothing when it is no whole line.
std::optional<RunRecord> parse_run_line(std::string_view text);

}  // namespace pgkeep::catalog
