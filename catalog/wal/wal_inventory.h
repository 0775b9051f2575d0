#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catalog/postgres/timeline.h"
#include "catalog/records/wal_range.h"
#include "catalog/wal/segment_set.h"

namespace pgkeep::catalog {

/// The names in the archive, read from the folders (never from the index), and what they tell by themselves.
/// How far a partial reaches is in HeldWal.
struct WalInventory {
  SegmentSet segments;  // complete ones
  SegmentSet partials;  // one that is being archived may be in both
  std::map<postgres::TimelineId, postgres::TimelineHistory> histories;
  /// Histories that cannot be understood, and what is to be done about each. Only a caller that needs one of
  /// these timelines is stopped by it.
  std::map<postgres::TimelineId, std::string> damaged_histories;

  /// Complete segments joined to ranges, sorted by timeline and position.
  std::vector<WalRange> ranges(postgres::WalSegmentSize size) const;
  bool has_wal_of(postgres::TimelineId timeline) const;
  /// The timeline that the server was on last, as far as its WAL tells: the highest of which there is WAL,
  /// not the one with the most. Once there is, no server on a lower one is received from. A history, or WAL
  /// that was pushed and waits, makes no timeline the newest.
  std::optional<postgres::TimelineId> newest_timeline() const;
  /// Whether WAL stands on the history of a timeline: that of the timeline itself, or of one that comes from
  /// it. Only then is that history the word of a server whose WAL is here.
  bool is_borne_out(postgres::TimelineId timeline) const;
  /// The history of a timeline; one without ancestors where none can be read.
  postgres::TimelineHistory line_of(postgres::TimelineId timeline) const;
};

}  // namespace pgkeep::catalog
