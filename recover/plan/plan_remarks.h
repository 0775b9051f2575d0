#pragma once

#include "catalog/postgres/timeline.h"
#include "recover/plan/plan.h"
#include "recover/plan/wal_line.h"

namespace pgkeep::recover {

/// Adds what the operator should know before the recovery, and what stops nobody: damage that does not matter
/// for it, and WAL, timelines and backups that it does not use though they are there.
void add_remarks(RecoveryPlan& plan, const WalLine& wal, const postgres::TimelineHistory& line,
                 const RecoveryFacts& facts);

}  // namespace pgkeep::recover
