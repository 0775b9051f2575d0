#include "catalog/index/index_updater.h"

#include <exception>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::catalog {

namespace {

// Of a receiver that finds the index held again and again; what is dropped here, catch_up() finds.
constexpr std::size_t kMostMissed = 1000;

}  // namespace

template <typename Write>
void IndexUpdater::write(State& state, Write&& write) {
  auto& index = state.index;
  try {
    if (!index) index = ServerCatalog::open_if_free(layout_);
    if (!index) return;
    write(*index);
    state.missed.clear();
  } catch (const Busy&) {
    index.reset();
  } catch (const Corruption& damage) {
    index.reset();
    ServerCatalog::discard(layout_);
    warn_(fmt::format("the index is damaged, and the next command that reads it makes it again: {}",
                      damage.what()));
  } catch (const std::exception& error) {
    index.reset();
    state.missed.clear();  // one of them may be the reason
    warn_(fmt::format("the index was not updated, but the WAL is archived: {}", error.what()));
  }
}

void IndexUpdater::segment_archived(const SegmentFileHeader& segment) {
  state_.with([&](State& state) {
    if (state.missed.size() == kMostMissed) state.missed.clear();
    state.missed.push_back(segment);
    write(state, [&](ServerCatalog& index) {
      for (const auto& missed : state.missed) index.add_segment(describe_segment(layout_, missed));
    });
  });
}

void IndexUpdater::catch_up(const WalArchive& archive, const WalInventory& names) {
  state_.with([&](State& state) {
    write(state, [&](ServerCatalog& index) {
      index.add_backups();
      index.add_segments(archive, names);
      index.add_runs();
    });
  });
}

}  // namespace pgkeep::catalog
