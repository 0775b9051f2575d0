#include "catalog/wal/wal_removal.h"

#include <algorithm>
#include <filesystem>
#include <unistd.h>
#include <utility>
#include <vector>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAtATime = 256;

std::uint64_t size_of(const fs::path& file) {
  std::error_code gone;
  const auto bytes = fs::file_size(file, gone);
  return gone ? 0 : bytes;
}

void remove(const fs::path& path, RemovedWal& removed) {
  const auto bytes = size_of(path);
  if (!io::remove_file(path)) return;
  ++removed.files;
  removed.bytes += bytes;
}

/// Nothing is added meanwhile, so what is empty stays so.
void remove_if_empty(const fs::path& folder) {
  if (::rmdir(folder.c_str()) == 0) io::sync_directory(folder.parent_path());
}

std::vector<fs::path> in_the_order_of_the_wal(const WalArchive& archive,
                                              std::span<const postgres::WalSegment> segments,
                                              std::span<const postgres::WalSegment> partials) {
  const auto& layout = archive.layout();
  const auto size = archive.identity().wal_segment_size;
  std::vector<std::pair<postgres::WalSegment, fs::path>> files;
  for (const auto& segment : segments) files.emplace_back(segment, layout.archived(segment, size));
  for (const auto& segment : partials) files.emplace_back(segment, layout.partial(segment, size));
  std::ranges::sort(files);
  std::vector<fs::path> paths;
  for (auto& [segment, path] : files) paths.push_back(std::move(path));
  return paths;
}

}  // namespace

RemovedWal remove_wal(const WalArchive& archive, std::span<const postgres::WalSegment> segments,
                      std::span<const postgres::WalSegment> partials, const std::stop_token& stop,
                      const std::function<void(const RemovedWal&)>& removed_so_far) {
  RemovedWal removed;
  const auto paths = in_the_order_of_the_wal(archive, segments, partials);
  for (std::size_t i = 0; i < paths.size();) {
    if (stop.stop_requested()) throw Interrupted("stopped while removing WAL; the next expire goes on");
    // A receiver waits for the lock, so it is held for some files at a time.
    const WalArchiveWriter alone(archive);
    const auto folder = paths[i].parent_path();
    const auto end = std::min(paths.size(), i + kAtATime);
    for (; i < end && paths[i].parent_path() == folder; ++i) remove(paths[i], removed);
    if (removed_so_far) removed_so_far(removed);
    if (!io::is_there(folder)) continue;
    io::sync_directory(folder);
    if (folder != archive.layout().wal_streaming()) remove_if_empty(folder);
  }
  return removed;
}

}  // namespace pgkeep::catalog
