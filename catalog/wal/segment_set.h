#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <span>
#include <vector>

#include "catalog/postgres/wal_segment.h"
#include "catalog/records/wal_range.h"

namespace pgkeep::catalog {

/// Segments of one timeline whose numbers follow one another; at least one.
struct SegmentRun {
  postgres::TimelineId timeline;
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // is of it

  std::uint64_t size() const noexcept { return last - first + 1; }
  bool contains(std::uint64_t number) const noexcept { return first <= number && number <= last; }
  auto operator<=>(const SegmentRun&) const = default;
};

/// The WAL in them. Of segments that have a name: the end of any other may be no LSN.
WalRange range_of(const SegmentRun& run, postgres::WalSegmentSize size);

/// Segments, by timeline and number, each once. They are kept as runs: what it takes in memory follows the
/// gaps between them and not how many they are, of which an archive may have hundred thousands. A plain
/// value.
class SegmentSet {
 public:
  class Iterator;
  using value_type = postgres::WalSegment;
  using const_iterator = Iterator;

  SegmentSet() = default;
  SegmentSet(std::initializer_list<postgres::WalSegment> segments);
  explicit SegmentSet(std::span<const postgres::WalSegment> segments);
  /// In any order; they may have segments in common.
  explicit SegmentSet(std::vector<SegmentRun> runs);

  void insert(const SegmentRun& run);
  void insert(const postgres::WalSegment& segment);

  /// In order; between two of one timeline at least one segment is missing.
  const std::vector<SegmentRun>& runs() const noexcept { return runs_; }
  std::span<const SegmentRun> runs_of(postgres::TimelineId timeline) const;
  bool empty() const noexcept { return runs_.empty(); }
  std::size_t size() const noexcept;  // looks at each run
  bool contains(const postgres::WalSegment& segment) const;
  // There must be one.
  postgres::WalSegment front() const { return {runs_.front().timeline, runs_.front().first}; }
  postgres::WalSegment back() const { return {runs_.back().timeline, runs_.back().last}; }
  Iterator begin() const;
  Iterator end() const;

  /// Those, and those of `other`.
  SegmentSet with(const SegmentSet& other) const;
  /// Those that `other` has not.
  SegmentSet without(const SegmentSet& other) const;
  /// The last ones, at most so many.
  SegmentSet last(std::size_t at_most) const;
  bool operator==(const SegmentSet&) const = default;

 private:
  std::vector<SegmentRun> runs_;
};

/// Goes through a set, of which each segment is made when it is looked at. Of a set that changes meanwhile
/// nothing can be said.
class SegmentSet::Iterator {
 public:
  using iterator_concept = std::forward_iterator_tag;
  using iterator_category = std::input_iterator_tag;
  using value_type = postgres::WalSegment;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = postgres::WalSegment;

  Iterator() = default;
  explicit Iterator(const SegmentRun* run) : run_(run) {}
  postgres::WalSegment operator*() const { return {run_->timeline, run_->first + passed_}; }
  Iterator& operator++() {
    if (++passed_ == run_->size()) {
      ++run_;
      passed_ = 0;
    }
    return *this;
  }
  Iterator operator++(int) {
    auto before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Iterator&) const = default;

 private:
  const SegmentRun* run_ = nullptr;
  std::uint64_t passed_ = 0;  // of the run
};

inline SegmentSet::Iterator SegmentSet::begin() const {
  return Iterator(runs_.data());
}
inline SegmentSet::Iterator SegmentSet::end() const {
  return Iterator(runs_.data() + runs_.size());
}

}  // namespace pgkeep::catalog
