#pragma once

#include "catalog/postgres/lsn.h"
#include "catalog/postgres/timeline.h"

namespace pgkeep::catalog {

/// A stretch of WAL of one timeline without a gap.
struct WalRange {
  postgres::TimelineId timeline;
  postgres::Lsn begin;
  postgres::Lsn end;  // first byte that is not there
  bool operator==(const WalRange&) const = default;
};

}  // namespace pgkeep::catalog
