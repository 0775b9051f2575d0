#include "catalog/index/index_updater.h"

#include <exception>

#include <fmt/format.h>

namespace pgkeep::catalog {

namespace {

// Of a receiver that finds the index held again and again, or one that lacks everything. Those who read it
// add the rest.
constexpr std::size_t kMostAtOnce = 1000;

}  // namespace

/// What failed for another reason than that the index was not to be had is not tried again: one of the rows
/// may be that reason.
void IndexUpdater::tell(State& state, const std::function<void(ServerCatalog&)>& note) {
  const auto told = note_in_index(layout_, state.index, note);
  if (told.outcome != IndexNote::Outcome::passed_by) state.unwritten.clear();
  if (told.outcome == IndexNote::Outcome::failed) warn_of(told.trouble);
}

void IndexUpdater::warn_of(const std::string& trouble) {
  warn_(fmt::format("the index was not updated, but the WAL is archived: {}", trouble));
}

void IndexUpdater::segment_archived(const SegmentFileHeader& segment) {
  state_.with([&](State& state) {
    auto& rows = state.unwritten;
    if (rows.size() == kMostAtOnce) rows.clear();
    try {
      rows.push_back(describe_segment(layout_, segment));
    } catch (const Error& error) {
      return warn_of(error.what());
    }
    tell(state, [&](ServerCatalog& index) {
      index.add_missing(std::span(rows).first(rows.size() - 1));
      index.add_segment(rows.back());
    });
  });
}

void IndexUpdater::catch_up(const WalArchive& archive, const WalInventory& names) {
  state_.with([&](State& state) {
    tell(state, [&](ServerCatalog& index) {
      index.add_backups();
      index.add_segments(archive, names, kMostAtOnce);
      index.add_runs();
    });
  });
}

}  // namespace pgkeep::catalog
