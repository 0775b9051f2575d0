#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "catalog/io/error.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kArchived = ".zst";
constexpr std::string_view kPartial = ".partial";

/// Calls `visit` for each entry; a folder that is not there has none.
template <typename Visit>
void for_each_entry(const fs::path& directory, Visit&& visit) {
  try {
    for (const auto& entry : fs::directory_iterator(directory)) visit(entry.path());
  } catch (const fs::filesystem_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory || error.code() == std::errc::not_a_directory)
      return;
    throw StorageError(error.code().value(), directory, "list the directory");
  }
}

/// The segment that NAME.SUFFIX is named for.
std::optional<postgres::WalSegment> segment_of(const fs::path& path, std::string_view suffix,
                                               postgres::WalSegmentSize size) {
  const auto name = path.filename().native();
  if (!name.ends_with(suffix)) return std::nullopt;
  return postgres::WalSegment::parse(std::string_view(name).substr(0, name.size() - suffix.size()), size);
}

}  // namespace

WalInventory WalArchive::inventory() const {
  WalInventory found;
  const auto size = identity_.wal_segment_size;
  // A segment counts only in its own folder: elsewhere nobody would find it.
  const auto add_archived = [&](const fs::path& path) {
    const auto segment = segment_of(path, kArchived, size);
    if (segment && path == layout_.archived(*segment, size)) found.segments.push_back(*segment);
  };
  for_each_entry(layout_.wal(), [&](const fs::path& path) {
    if (path == layout_.wal_streaming() || path == layout_.wal_pushed()) return;
    const auto timeline = postgres::parse_history_name(path.filename().native());
    if (!timeline) return for_each_entry(path, [&](const auto& log) { for_each_entry(log, add_archived); });
    try {
      if (auto line = history(*timeline)) found.histories.emplace(*timeline, *std::move(line));
    } catch (const Corruption& damage) {
      found.damaged_histories.emplace(*timeline, damage.what());
    }
  });
  for_each_entry(layout_.wal_streaming(), [&](const fs::path& path) {
    if (const auto segment = segment_of(path, kPartial, size)) found.partials.push_back(*segment);
  });
  std::ranges::sort(found.segments);
  std::ranges::sort(found.partials);
  return found;
}

std::vector<WalRange> WalInventory::ranges(postgres::WalSegmentSize size) const {
  std::vector<WalRange> ranges;
  for (const auto& segment : segments) {
    const auto begin = segment.begin(size);
    if (!ranges.empty() && ranges.back().timeline == segment.timeline && ranges.back().end == begin) {
      ranges.back().end = segment.end(size);
    } else {
      ranges.push_back({segment.timeline, begin, segment.end(size)});
    }
  }
  return ranges;
}

}  // namespace pgkeep::catalog
