#include "catalog/wal/segment_set.h"

#include <algorithm>
#include <utility>

namespace pgkeep::catalog {
namespace {

using postgres::WalSegment;

SegmentRun run_of(const WalSegment& segment) {
  return {segment.timeline, segment.number, segment.number};
}

WalSegment last_of(const SegmentRun& run) {
  return {run.timeline, run.last};
}

/// Whether a run that begins no earlier than `before` is one with it.
bool joins(const SegmentRun& before, const SegmentRun& run) {
  return before.timeline == run.timeline && (run.first <= before.last || run.first - before.last == 1);
}

/// `run` follows all those that are there.
void append(std::vector<SegmentRun>& runs, const SegmentRun& run) {
  if (!runs.empty() && joins(runs.back(), run)) {
    runs.back().last = std::max(runs.back().last, run.last);
  } else {
    runs.push_back(run);
  }
}

std::vector<SegmentRun> in_order(std::vector<SegmentRun> runs) {
  std::ranges::sort(runs);
  std::vector<SegmentRun> joined;
  for (const auto& run : runs) append(joined, run);
  return joined;
}

std::vector<SegmentRun> runs_of_each(std::span<const WalSegment> segments) {
  std::vector<SegmentRun> runs;
  for (const auto& segment : segments) {
    if (!runs.empty() && last_of(runs.back()).next() == segment) {
      runs.back().last = segment.number;
    } else {
      runs.push_back(run_of(segment));
    }
  }
  return runs;
}

}  // namespace

WalRange range_of(const SegmentRun& run, postgres::WalSegmentSize size) {
  return {run.timeline, WalSegment{run.timeline, run.first}.begin(size), last_of(run).end(size)};
}

SegmentSet::SegmentSet(std::initializer_list<WalSegment> segments)
    : SegmentSet(std::span(segments.begin(), segments.size())) {}

SegmentSet::SegmentSet(std::span<const WalSegment> segments) : SegmentSet(runs_of_each(segments)) {}

SegmentSet::SegmentSet(std::vector<SegmentRun> runs) : runs_(in_order(std::move(runs))) {}

void SegmentSet::insert(const SegmentRun& run) {
  auto first = std::ranges::lower_bound(runs_, run);
  if (first != runs_.begin() && joins(*std::prev(first), run)) --first;
  auto joined = run;
  auto after = first;
  for (; after != runs_.end() && (after->first <= run.first ? joins(*after, run) : joins(run, *after));
       ++after) {
    joined.first = std::min(joined.first, after->first);
    joined.last = std::max(joined.last, after->last);
  }
  if (first == after) {
    runs_.insert(first, joined);
  } else {
    *first = joined;
    runs_.erase(std::next(first), after);
  }
}

void SegmentSet::insert(const WalSegment& segment) {
  insert(run_of(segment));
}

std::span<const SegmentRun> SegmentSet::runs_of(postgres::TimelineId timeline) const {
  return {std::ranges::lower_bound(runs_, timeline, {}, &SegmentRun::timeline),
          std::ranges::upper_bound(runs_, timeline, {}, &SegmentRun::timeline)};
}

std::size_t SegmentSet::size() const noexcept {
  std::size_t size = 0;
  for (const auto& run : runs_) size += run.size();
  return size;
}

bool SegmentSet::contains(const WalSegment& segment) const {
  const auto after = std::ranges::upper_bound(runs_, segment, {}, [](const SegmentRun& run) {
    return WalSegment{run.timeline, run.first};
  });
  return after != runs_.begin() && segment <= last_of(*std::prev(after)) &&
         segment.timeline == std::prev(after)->timeline;
}

SegmentSet SegmentSet::with(const SegmentSet& other) const {
  auto all = runs_;
  all.insert(all.end(), other.runs_.begin(), other.runs_.end());
  return SegmentSet(std::move(all));
}

SegmentSet SegmentSet::without(const SegmentSet& other) const {
  SegmentSet rest;
  auto next = other.runs_.begin();
  for (auto run : runs_) {
    const auto ends_before = [&](const SegmentRun& taken) {
      return last_of(taken) < WalSegment{run.timeline, run.first};
    };
    while (next != other.runs_.end() && ends_before(*next)) ++next;
    bool left = true;
    for (auto taken = next;
         taken != other.runs_.end() && taken->timeline == run.timeline && taken->first <= run.last; ++taken) {
      if (taken->first > run.first) rest.runs_.push_back({run.timeline, run.first, taken->first - 1});
      left = taken->last < run.last;
      if (!left) break;
      run.first = taken->last + 1;
    }
    if (left) rest.runs_.push_back(run);
  }
  return rest;
}

SegmentSet SegmentSet::last(std::size_t at_most) const {
  SegmentSet found;
  for (auto run = runs_.rbegin(); run != runs_.rend() && at_most != 0; ++run) {
    const auto count = std::min<std::uint64_t>(run->size(), at_most);
    found.runs_.push_back({run->timeline, run->last - count + 1, run->last});
    at_most -= count;
  }
  std::ranges::reverse(found.runs_);
  return found;
}

}  // namespace pgkeep::catalog
