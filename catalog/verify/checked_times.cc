#include "catalog/verify/checked_times.h"

#include <algorithm>
#include <iterator>

namespace pgkeep::catalog {

void CheckedTimes::note(const Range& range) {
  if (range.first > range.last) return;
  clear(range.first, range.last);
  auto [first, last, at] = range;
  auto after = ranges_.upper_bound(first);
  if (after != ranges_.end() && after->first - 1 == last && after->second.at == at) {
    last = after->second.last;
    after = ranges_.erase(after);
  }
  if (after != ranges_.begin()) {
    const auto before = std::prev(after);
    if (before->second.last + 1 == first && before->second.at == at) {
      before->second.last = last;
      return;
    }
  }
  ranges_.emplace_hint(after, first, Rest{last, at});
}

/// What reaches over an end is cut there.
void CheckedTimes::clear(std::uint64_t first, std::uint64_t last) {
  auto range = ranges_.upper_bound(first);
  if (range != ranges_.begin() && std::prev(range)->second.last >= first) --range;
  while (range != ranges_.end() && range->first <= last) {
    const auto begin = range->first;
    const auto rest = range->second;
    range = ranges_.erase(range);
    if (begin < first) ranges_.emplace(begin, Rest{first - 1, rest.at});
    if (rest.last > last) ranges_.emplace(last + 1, rest);
  }
}

std::optional<io::TimePoint> CheckedTimes::at(std::uint64_t number) const {
  const auto after = ranges_.upper_bound(number);
  if (after == ranges_.begin()) return std::nullopt;
  const auto& [first, rest] = *std::prev(after);
  if (rest.last < number) return std::nullopt;
  return rest.at;
}

std::vector<CheckedTimes::Range> CheckedTimes::ranges() const {
  std::vector<Range> all;
  all.reserve(ranges_.size());
  for (const auto& [first, rest] : ranges_) all.push_back({first, rest.last, rest.at});
  return all;
}

}  // namespace pgkeep::catalog
