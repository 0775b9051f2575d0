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

/// Files of one folder, at most kAtATime of them.
void remove_files(const WalArchive& archive, const std::vector<fs::path>& files, RemovedWal& removed) {
  // A receiver waits for the lock, so it is held for some files at a time.
  const WalArchiveWriter alone(archive);
  const auto folder = files.front().parent_path();
  for (const auto& path : files) remove(path, removed);
  if (!io::is_there(folder)) return;
  io::sync_directory(folder);
  if (folder != archive.layout().wal_streaming()) remove_if_empty(folder);
}

}  // namespace

RemovedWal remove_wal(const WalArchive& archive, const SegmentSet& segments, const SegmentSet& partials,
                      const std::stop_token& stop,
                      const std::function<void(const RemovedWal&)>& removed_so_far) {
  const auto& layout = archive.layout();
  const auto size = archive.identity().wal_segment_size;
  RemovedWal removed;
  std::vector<fs::path> next;
  const auto remove_next = [&] {
    if (stop.stop_requested()) throw Interrupted("stopped while removing WAL; the next expire goes on");
    remove_files(archive, next, removed);
    next.clear();
    if (removed_so_far) removed_so_far(removed);
  };
  const auto add = [&](const fs::path& path) {
    const bool is_full = next.size() == kAtATime;
    if (is_full || (!next.empty() && next.front().parent_path() != path.parent_path())) remove_next();
    next.push_back(path);
  };
  for (const auto& segment : segments.with(partials)) {
    if (segments.contains(segment)) add(layout.archived(segment, size));
    if (partials.contains(segment)) add(layout.partial(segment, size));
  }
  if (!next.empty()) remove_next();
  return removed;
}

}  // namespace pgkeep::catalog
