#include "catalog/index/index_updater.h"

#include <fmt/format.h>

#include "catalog/index/index_note.h"

namespace pgkeep::catalog {

namespace {

// Of a receiver that finds the index held again and again, or one that lacks everything.
constexpr std::size_t kMostAtOnce = 1000;

}  // namespace

/// Rows that could not be written stay for the next time: they are read again then, and the reason may pass.
void IndexUpdater::tell(State& state, const std::function<void(ServerCatalog&)>& note) {
  const auto told = note_in_index(archive_.layout(), state.index, note);
  if (told.outcome == IndexNote::Outcome::written) state.unwritten = {};
  if (told.outcome == IndexNote::Outcome::failed)
    warn_(fmt::format("the index was not updated, but the WAL is archived: {}", told.trouble));
}

void IndexUpdater::segment_archived(const SegmentFileHeader& segment) {
  state_.with([&](State& state) {
    if (state.unwritten.size() < kMostAtOnce) state.unwritten.insert(segment.segment);
    tell(state, [&](ServerCatalog& index) { index.read_again(archive_, state.unwritten); });
  });
}

void IndexUpdater::catch_up(const WalInventory& names) {
  state_.with([&](State& state) {
    tell(state, [&](ServerCatalog& index) {
      index.add_backups();
      index.add_segments(archive_, names, kMostAtOnce);
      index.add_runs();
    });
  });
}

}  // namespace pgkeep::catalog
