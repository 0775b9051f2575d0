#include "catalog/store/layout.h"

#include <fmt/format.h>

#include "catalog/io/file.h"

namespace pgkeep::store {

std::filesystem::path ServerLayout::partial(const postgres::WalSegment& segment,
                                            postgres::WalSegmentSize size) const {
  return wal_streaming() / (segment.name(size) + ".partial");
}

std::filesystem::path ServerLayout::archived(const postgres::WalSegment& segment,
                                             postgres::WalSegmentSize size) const {
  const auto name = segment.name(size);
  return wal() / name.substr(0, 8) / name.substr(8, 8) / (name + ".zst");
}

std::filesystem::path ServerLayout::history(postgres::TimelineId timeline) const {
  return wal() / timeline.history_file();
}

std::filesystem::path ServerLayout::pack(std::uint32_t number, PackKind kind) const {
  return packs() / fmt::format("{:08}.{}", number, kind == PackKind::full ? "full" : "delta");
}

void ServerLayout::make() const {
  for (const auto& folder : {root_ / "locks", wal_streaming(), packs(), backups()})
    io::make_directories(folder);
}

}  // namespace pgkeep::store
