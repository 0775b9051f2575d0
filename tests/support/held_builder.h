#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "catalog/wal/held_wal.h"

namespace pgkeep {
namespace catalog {

inline void PrintTo(const WalRange& range, std::ostream* out) {
  *out << range.timeline.to_string() << ": " << range.begin.to_string() << " to " << range.end.to_string();
}

}  // namespace catalog

namespace test {

using catalog::Event;
using catalog::WalRange;

inline const postgres::WalSegmentSize kHeldSize(1 << 20);

/// A place in units of a segment: 5.5 is the middle of segment 5.
inline postgres::Lsn at(double segments) {
  return postgres::Lsn(static_cast<std::uint64_t>(segments * kHeldSize.bytes()));
}
inline WalRange range(postgres::TimelineId timeline, double begin, double end) {
  return {timeline, at(begin), at(end)};
}
inline Event gap(postgres::TimelineId timeline, double begin, double end) {
  return {{}, catalog::EventKind::gap, "removed", range(timeline, begin, end)};
}
/// A line of a history file.
inline std::string left(postgres::TimelineId parent, double fork) {
  return parent.to_string() + "\t" + at(fork).to_string() + "\tno recovery target specified\n";
}

/// What an archive holds, and what is recorded of it, said briefly.
struct Held {
  Held& segments(postgres::TimelineId timeline, std::uint64_t first, std::uint64_t last) {
    if (first <= last) names.segments.insert(catalog::SegmentRun{timeline, first, last});
    return *this;
  }
  Held& partial(postgres::TimelineId timeline, double end, std::uint64_t number) {
    ends[{timeline, number}] = {.end = at(end)};
    return *this;
  }
  Held& partial(postgres::TimelineId timeline, double end) {
    return partial(timeline, end, static_cast<std::uint64_t>(end));
  }
  /// One that ends there with a WAL switch.
  Held& switched_partial(postgres::TimelineId timeline, double end) {
    partial(timeline, end);
    ends[{timeline, static_cast<std::uint64_t>(end)}].whole = true;
    return *this;
  }
  Held& history(postgres::TimelineId timeline, const std::string& content) {
    names.histories.emplace(timeline, postgres::TimelineHistory::parse(timeline, content));
    return *this;
  }
  Held& recorded(const Event& event) {
    events.push_back(event);
    return *this;
  }

  catalog::HeldWal wal() const { return {names, ends, kHeldSize}; }
  catalog::HeldLine along(postgres::TimelineId timeline) const {
    return wal().along(names.line_of(timeline));
  }

  catalog::WalInventory names;
  std::map<postgres::WalSegment, catalog::ReceivedWal> ends;
  std::vector<Event> events;
};

}  // namespace test
}  // namespace pgkeep
