#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/records/run_journal.h"

// Some runs out of a journal of years. It is read from its end and no further than it has to be, and only
// lines that may be about them are taken apart. All throw StorageError; runs come with their current outcome.
namespace pgkeep::catalog {

/// A journal is in the order in which its lines were written, and of time but for clocks that were set back:
/// by less than this, as all take for granted who stop reading at a time.
inline constexpr std::chrono::days kClocksAreSetBack{1};

/// Those that began last, at most so many; by their start, the oldest first.
std::vector<RunRecord> newest_runs(const store::ServerLayout& layout, std::size_t count);

/// Those whose id begins so; by their start, the oldest first.
std::vector<RunRecord> runs_with_id(const store::ServerLayout& layout, std::string_view begin);

/// Those of a kind, each once, until `visit` returns false. The one comes first of which the journal has told
/// last: how it ended, or else that it began.
void for_newest_runs(const store::ServerLayout& layout, std::string_view kind,
                     const std::function<bool(RunRecord&&)>& visit);

/// The ids of those of which the journal has told since `time`.
std::set<std::string> run_ids_since(const store::ServerLayout& layout, io::TimePoint time);

}  // namespace pgkeep::catalog
