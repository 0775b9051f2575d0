#include "catalog/index/index_updater.h"

#include <exception>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::catalog {

template <typename Write>
void IndexUpdater::write(Write&& write) {
  index_.with([&](auto& index) {
    try {
      if (!index) index = ServerCatalog::open_if_free(layout_);
      if (index) write(*index);
    } catch (const Busy&) {
      index.reset();
    } catch (const std::exception& error) {
      index.reset();
      warn_(fmt::format("the index was not updated, but the WAL is archived: {}", error.what()));
    }
  });
}

void IndexUpdater::segment_archived(const SegmentFileHeader& segment) {
  write([&](ServerCatalog& index) { index.add_segment(describe_segment(layout_, segment)); });
}

void IndexUpdater::history_stored(postgres::TimelineId timeline, const std::string& content) {
  write([&](ServerCatalog& index) { index.add_history(timeline, content); });
}

}  // namespace pgkeep::catalog
