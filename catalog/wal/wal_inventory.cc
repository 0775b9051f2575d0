#include "catalog/wal/wal_inventory.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <iterator>
#include <string_view>
#include <utility>

#include "catalog/io/error.h"
#include "catalog/io/folder_names.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kArchived = ".zst";
constexpr std::string_view kPartial = ".partial";

/// What is no folder has none.
void for_each_name(const fs::path& directory, const std::function<void(std::string_view)>& visit) {
  try {
    io::for_each_name(directory, visit);
  } catch (const StorageError& error) {
    if (error.cause() != ENOTDIR) throw;
  }
}

void for_each_entry(const fs::path& directory, const std::function<void(const fs::path&)>& visit) {
  for_each_name(directory, [&](std::string_view name) { visit(directory / name); });
}

/// The segment that NAME.SUFFIX is named for.
std::optional<postgres::WalSegment> segment_of(std::string_view name, std::string_view suffix,
                                               postgres::WalSegmentSize size) {
  if (!name.ends_with(suffix)) return std::nullopt;
  return postgres::WalSegment::parse(name.substr(0, name.size() - suffix.size()), size);
}

/// Tells which segments have their place in one folder. There are hundred thousands of them, so it is asked
/// once for those of one log, which lie together.
class FolderOfSegments {
 public:
  FolderOfSegments(const store::ServerLayout& layout, const fs::path& folder, postgres::WalSegmentSize size)
      : layout_(&layout), folder_(&folder), size_(size) {}

  bool is_of(const postgres::WalSegment& segment) {
    const Log log{segment.timeline, segment.number / size_.per_log()};
    if (log != log_) {
      log_ = log;
      is_of_log_ = layout_->archived(segment, size_).parent_path() == *folder_;
    }
    return is_of_log_;
  }

 private:
  using Log = std::pair<postgres::TimelineId, std::uint64_t>;
  const store::ServerLayout* layout_;
  const fs::path* folder_;
  postgres::WalSegmentSize size_;
  std::optional<Log> log_;
  bool is_of_log_ = false;
};

}  // namespace

WalInventory WalArchive::inventory() const {
  WalInventory found;
  const auto size = identity_.wal_segment_size;
  // The partials first: a segment is archived before its partial goes, so it is in one list or the other.
  for_each_name(layout_.wal_streaming(), [&](std::string_view name) {
    if (const auto segment = segment_of(name, kPartial, size)) found.partials.insert(*segment);
  });
  // A segment counts only in its own folder: elsewhere nobody would find it.
  std::vector<SegmentRun> archived;
  const auto add_archived = [&](const fs::path& folder) {
    FolderOfSegments place(layout_, folder, size);
    std::vector<postgres::WalSegment> segments;
    for_each_name(folder, [&](std::string_view name) {
      const auto segment = segment_of(name, kArchived, size);
      if (segment && place.is_of(*segment)) segments.push_back(*segment);
    });
    std::ranges::sort(segments);
    std::ranges::copy(SegmentSet(segments).runs(), std::back_inserter(archived));
  };
  for_each_entry(layout_.wal(), [&](const fs::path& path) {
    if (path == layout_.wal_streaming() || path == layout_.wal_pushed()) return;
    if (!postgres::parse_history_name(path.filename().native())) for_each_entry(path, add_archived);
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
  found.segments = SegmentSet(std::move(archived));
  return found;
}

std::vector<WalRange> WalInventory::ranges(postgres::WalSegmentSize size) const {
  std::vector<WalRange> ranges;
  for (const auto& run : segments.runs()) ranges.push_back(range_of(run, size));
  return ranges;
}

std::optional<postgres::TimelineId> WalInventory::newest_timeline() const {
  std::optional<postgres::TimelineId> newest;
  for (const auto* names : {&segments, &partials})
    if (!names->empty()) newest = std::max(newest, std::optional(names->back().timeline));
  return newest;
}

bool WalInventory::has_wal_of(postgres::TimelineId timeline) const {
  return !segments.runs_of(timeline).empty() || !partials.runs_of(timeline).empty();
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
