#include "streaming/receive/wal_index.h"

#include <exception>

#include <fmt/format.h>

#include "catalog/io/error.h"

namespace pgkeep::streaming {

template <typename Write>
void WalIndex::write(Write&& write) {
  index_.with([&](auto& index) {
    try {
      if (!index) index = catalog::ServerCatalog::open_if_free(layout_);
      if (index) write(*index);
    } catch (const Busy&) {
      index.reset();
    } catch (const std::exception& error) {
      index.reset();
      warn_(fmt::format("the index was not updated, but the WAL is archived: {}", error.what()));
    }
  });
}

void WalIndex::segment_archived(const catalog::SegmentFileHeader& segment) {
  write(
      [&](catalog::ServerCatalog& index) { index.add_segment(catalog::describe_segment(layout_, segment)); });
}

void WalIndex::history_stored(postgres::TimelineId timeline, const std::string& content) {
  write([&](catalog::ServerCatalog& index) { index.add_history(timeline, content); });
}

}  // namespace pgkeep::streaming
