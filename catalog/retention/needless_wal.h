#pragma once

#include <span>
#include <vector>

#include "catalog/wal/held_wal.h"

namespace pgkeep::catalog {

/// WAL to which no recovery comes.
struct NeedlessWal {
  std::vector<postgres::WalSegment> segments;  // archived, by timeline and number
  /// Of timelines that were left, and from before a gap; beside what is needed they would look like the begin
  /// of a gap. None of them is received any more.
  std::vector<postgres::WalSegment> partials;
};

/// That which no recovery comes to which begins at one of `starts`, whatever timeline it goes along. Pure.
///
/// As long as none of them lies on the line of the newest timeline, all WAL of that line is needed: its first
/// backup may be on its way. While a history is damaged or missing nothing is needless, since nobody can say
/// which lines its timeline belongs to.
NeedlessWal needless_wal(const HeldWal& held, std::span<const postgres::WalPosition> starts);

}  // namespace pgkeep::catalog
