#pragma once

#include <string>
#include <vector>

#include "catalog/io/units.h"

namespace pgkeep::server {

/// The time of a chart, from its left edge to now. A plain value.
class TimeAxis {
 public:
  /// `from` is before `now`, or the axis is an hour long.
  TimeAxis(io::TimePoint from, io::TimePoint now);

  bool has(io::TimePoint at) const { return at >= from_ && at <= now_; }
  /// From 0 at the left to 1 at the right; what lies outside is at the edge.
  double place(io::TimePoint at) const;

  struct Tick {
    double place;
    std::string label;  // "7 d ago", "now"
  };
  /// From the left; few enough for a phone.
  std::vector<Tick> ticks() const;

 private:
  io::TimePoint from_;
  io::TimePoint now_;
};

}  // namespace pgkeep::server
