#include "catalog/index/stored_segments.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "catalog/index/server_catalog_rows.h"
#include "catalog/io/error.h"

namespace pgkeep::catalog {

using postgres::WalSegment;

SegmentSum StoredSegments::sum(std::span<const SegmentRun> runs) {
  SegmentSum all;
  for (const auto& sum : sums(runs)) all.add(sum);
  return all;
}

IndexedSegments::IndexedSegments(ServerCatalog& index, const WalArchive& archive, const SegmentSet& segments,
                                 const SegmentSet& known, std::vector<std::string>& unreadable)
    : index_(&index), known_(known) {
  const auto unknown = segments.without(known);
  if (!unknown.empty()) read_ = rows::read_segments(archive, unknown, unreadable);
}

std::vector<SegmentSum> IndexedSegments::sums(std::span<const SegmentRun> runs) {
  std::vector<SegmentRun> asked;     // of the index
  std::vector<std::size_t> part_of;  // of `runs`
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto known = known_.runs_of(runs[i].timeline);
    for (auto run = std::ranges::lower_bound(known, runs[i].first, {}, &SegmentRun::last);
         run != known.end() && run->first <= runs[i].last; ++run) {
      asked.push_back(
          {run->timeline, std::max(run->first, runs[i].first), std::min(run->last, runs[i].last)});
      part_of.push_back(i);
    }
  }
  std::vector<SegmentSum> sums(runs.size());
  const auto of_index = index_->sums(asked);
  for (std::size_t i = 0; i < asked.size(); ++i) sums[part_of[i]].add(of_index[i]);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto& [timeline, first, last] = runs[i];
    for (auto row = std::ranges::lower_bound(read_, WalSegment{timeline, first}, {}, &SegmentRow::segment);
         row != read_.end() && row->segment <= WalSegment{timeline, last}; ++row)
      sums[i].add(*row);
  }
  return sums;
}

void IndexedSegments::for_each(const std::function<void(const SegmentRow&)>& visit) {
  auto next = read_.begin();
  index_->for_each_segment([&](const SegmentRow& row) {
    for (; next != read_.end() && next->segment < row.segment; ++next) visit(*next);
    if (known_.contains(row.segment)) visit(row);
  });
  for (; next != read_.end(); ++next) visit(*next);
}

std::vector<SegmentSum> SegmentFiles::sums(std::span<const SegmentRun> runs) {
  std::vector<SegmentSum> sums(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i)
    for (const auto& segment : SegmentSet(std::vector{runs[i]}))
      if (segments_.contains(segment))
        if (const auto row = row_of(segment)) sums[i].add(*row);
  return sums;
}

void SegmentFiles::for_each(const std::function<void(const SegmentRow&)>& visit) {
  for (const auto& segment : segments_)
    if (const auto row = row_of(segment)) visit(*row);
}

std::optional<SegmentRow> SegmentFiles::row_of(const WalSegment& segment) const {
  const auto size = archive_.identity().wal_segment_size;
  const auto path = archive_.layout().archived(segment, size);
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory) return std::nullopt;  // expired meanwhile
  if (error) throw StorageError(error.value(), path, "read the size");
  return SegmentRow{.segment = segment,
                    .begin = segment.begin(size),
                    .end = segment.end(size),
                    .stored_bytes = bytes,
                    .first_time = {},
                    .last_time = {}};
}

}  // namespace pgkeep::catalog
