#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "catalog/io/units.h"

namespace pgkeep::catalog {

/// When each of many numbered things was read back last. What follows each other and was read in one run, for
/// which one time is noted, takes the room of one.
class CheckedTimes {
 public:
  struct Range {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    io::TimePoint at;
    bool operator==(const Range&) const = default;
  };

  /// In place of what is known of the number.
  void note(std::uint64_t number, io::TimePoint at) { note(Range{number, number, at}); }
  /// The same of each number from the first to the last. Nothing happens when there is none.
  void note(const Range& range);
  std::optional<io::TimePoint> at(std::uint64_t number) const;
  /// In the order of the numbers.
  std::vector<Range> ranges() const;
  bool operator==(const CheckedTimes&) const = default;

 private:
  struct Rest {
    std::uint64_t last;
    io::TimePoint at;
    bool operator==(const Rest&) const = default;
  };
  void clear(std::uint64_t first, std::uint64_t last);
  std::map<std::uint64_t, Rest> ranges_;  // by the first number
};

}  // namespace pgkeep::catalog
