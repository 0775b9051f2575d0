#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "catalog/index/stored_segments.h"

namespace pgkeep::test {

/// All rows of an index, or of what is stored, one by one.
inline std::vector<catalog::SegmentRow> rows_of(catalog::ServerCatalog& index) {
  std::vector<catalog::SegmentRow> rows;
  index.for_each_segment([&](const catalog::SegmentRow& row) { rows.push_back(row); });
  return rows;
}
inline std::vector<catalog::SegmentRow> rows_of(catalog::ServerCatalog&& index) {
  return rows_of(index);
}
inline std::vector<catalog::SegmentRow> rows_of(catalog::StoredSegments& segments) {
  std::vector<catalog::SegmentRow> rows;
  segments.for_each([&](const catalog::SegmentRow& row) { rows.push_back(row); });
  return rows;
}

/// What is stored, as a list says.
class ListedSegments final : public catalog::StoredSegments {
 public:
  explicit ListedSegments(std::vector<catalog::SegmentRow> rows) : rows_(std::move(rows)) {
    std::ranges::sort(rows_, {}, &catalog::SegmentRow::segment);
  }
  std::vector<catalog::SegmentSum> sums(std::span<const catalog::SegmentRun> runs) override {
    std::vector<catalog::SegmentSum> sums;
    for (const auto& run : runs) {
      auto& sum = sums.emplace_back();
      for (const auto& row : rows_)
        if (row.segment.timeline == run.timeline && run.contains(row.segment.number)) sum.add(row);
    }
    return sums;
  }
  void for_each(const std::function<void(const catalog::SegmentRow&)>& visit) override {
    for (const auto& row : rows_) visit(row);
  }

 private:
  std::vector<catalog::SegmentRow> rows_;
};

}  // namespace pgkeep::test
