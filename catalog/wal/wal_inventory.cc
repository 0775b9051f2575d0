#include "catalog/wal/wal_inventory.h"

#include <algorithm>
#include <array>
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

/// What is no folder has none.
std::vector<fs::directory_entry> entries(const fs::path& directory) {
  try {
    return io::entries(directory);
  } catch (const StorageError& error) {
    if (error.cause() != ENOTDIR) throw;
    return {};
  }
}

template <typename Visit>
void for_each_entry(const fs::path& directory, Visit&& visit) {
  for (const auto& entry : entries(directory)) visit(entry.path());
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
  // The partials first: a segment is archived before its partial goes, so it is in one list or the other.
  for_each_entry(layout_.wal_streaming(), [&](const fs::path& path) {
    if (const auto segment = segment_of(path, kPartial, size)) found.partials.push_back(*segment);
  });
  // A segment counts only in its own folder: elsewhere nobody would find it.
  const auto add_archived = [&](const fs::path& path) {
    const auto segment = segment_of(path, kArchived, size);
    if (segment && path == layout_.archived(*segment, size)) found.segments.push_back(*segment);
  };
  for_each_entry(layout_.wal(), [&](const fs::path& path) {
    if (path == layout_.wal_streaming() || path == layout_.wal_pushed()) return;
    if (!postgres::parse_history_name(path.filename().native()))
      for_each_entry(path, [&](const auto& log) { for_each_entry(log, add_archived); });
  });
  // The histories last: that of a timeline is stored before the first byte of it is asked for.
  for_each_entry(layout_.wal(), [&](const fs::path& path) {
    const auto timeline = postgres::parse_history_name(path.filename().native());
    if (!timeline) return;
    try {
      if (auto line = history(*timeline)) found.histories.emplace(*timeline, *std::move(line));
    } catch (const Corruption& damage) {
      found.damaged_histories.emplace(*timeline, damage.what());
    }
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

std::optional<postgres::TimelineId> WalInventory::newest_timeline() const {
  std::optional<postgres::TimelineId> newest;
  for (const auto* names : {&segments, &partials})
    if (!names->empty()) newest = std::max(newest, std::optional(names->back().timeline));
  return newest;
}

bool WalInventory::has_wal_of(postgres::TimelineId timeline) const {
  return std::ranges::any_of(std::array{&segments, &partials}, [&](const auto* names) {
    return std::ranges::binary_search(*names, timeline, {}, &postgres::WalSegment::timeline);
  });
}

bool WalInventory::is_borne_out(postgres::TimelineId timeline) const {
  return has_wal_of(timeline) || std::ranges::any_of(histories, [&](const auto& known) {
           return known.second.contains(timeline) && has_wal_of(known.first);
         });
}

postgres::TimelineHistory WalInventory::line_of(postgres::TimelineId timeline) const {
  const auto known = histories.find(timeline);
  return known == histories.end() ? postgres::TimelineHistory(timeline) : known->second;
}

}  // namespace pgkeep::catalog
