#include "catalog/wal/wal_removal.h"

#include <algorithm>
#include <unistd.h>

#include "catalog/io/file.h"
#include "catalog/wal/wal_archive_writer.h"

namespace pgkeep::catalog {
namespace {

constexpr std::size_t kAtATime = 256;

std::uint64_t size_of(const std::filesystem::path& file) {
  std::error_code gone;
  const auto bytes = std::filesystem::file_size(file, gone);
  return gone ? 0 : bytes;
}

void remove(const std::filesystem::path& path, RemovedWal& removed) {
  const auto bytes = size_of(path);
  if (!io::remove_file(path)) return;
  ++removed.segments;
  removed.bytes += bytes;
}

/// Of segments that were there: nothing is added meanwhile, so what is empty stays so.
void remove_if_empty(const std::filesystem::path& folder) {
  if (::rmdir(folder.c_str()) == 0) io::sync_directory(folder.parent_path());
}

}  // namespace

RemovedWal remove_segments(const WalArchive& archive, std::span<const postgres::WalSegment> segments) {
  const auto size = archive.identity().wal_segment_size;
  const auto folder_of = [&](const postgres::WalSegment& segment) {
    return archive.layout().archived(segment, size).parent_path();
  };
  RemovedWal removed;
  for (std::size_t i = 0; i < segments.size();) {
    // A receiver waits for the lock, so it is held for some files at a time.
    const WalArchiveWriter alone(archive);
    const auto folder = folder_of(segments[i]);
    const auto end = std::min(segments.size(), i + kAtATime);
    for (; i < end && folder_of(segments[i]) == folder; ++i)
      remove(archive.layout().archived(segments[i], size), removed);
    if (!io::is_there(folder)) continue;
    io::sync_directory(folder);
    remove_if_empty(folder);
  }
  return removed;
}

RemovedWal remove_partials(const WalArchive& archive, std::span<const postgres::WalSegment> segments) {
  RemovedWal removed;
  if (segments.empty()) return removed;
  const WalArchiveWriter alone(archive);
  for (const auto& segment : segments)
    remove(archive.layout().partial(segment, archive.identity().wal_segment_size), removed);
  io::sync_directory(archive.layout().wal_streaming());
  return removed;
}

}  // namespace pgkeep::catalog
