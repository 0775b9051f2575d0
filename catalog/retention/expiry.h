#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "catalog/io/progress.h"
#include "catalog/retention/expiry_plan.h"
#include "catalog/store/backup_lease.h"
#include "catalog/store/sweep.h"

namespace pgkeep::catalog {

/// A plan that can be carried out: nobody reads what goes, nor changes its marks, while this lives.
struct ClaimedExpiry {
  ExpiryPlan plan;
  std::vector<store::BackupClaim> claims;  // of all that goes
};

/// Plans, and claims what goes. What is being read, and what an operator has decided about since the facts
/// were gathered, is put into `facts`, and planned again. The caller holds the writer lock.
ClaimedExpiry claim_expiry(const store::ServerLayout& layout, ExpiryFacts& facts,
                           const RetentionPolicy& policy, io::TimePoint now, const LocalTime& local = in_utc);

/// What came of it.
struct ExpiryResult {
  std::vector<store::BackupId> backups;  // that were removed
  std::uint64_t backup_bytes = 0;        // what that freed
  std::uint64_t wal_segments = 0;
  std::uint64_t wal_bytes = 0;
  std::vector<std::string> warnings;  // of what was not freed, a message each
};

/// Marks what expires, takes the mark from what returns, removes what goes, and then the WAL that nothing
/// needs any more, of which the journal of events tells before where it lies between other WAL. Each step is
/// durable before the next one begins, and a plan that is made after a kill comes to the same end. The caller
/// holds the writer lock. Throws StorageError, and Busy when the archive or the marks are held for too long.
/// Throws Interrupted between two steps when stop is asked.
ExpiryResult carry_out(const store::ServerLayout& layout, const ClaimedExpiry& expiry,
                       const ExpiryFacts& facts, io::TimePoint now, io::ProgressObserver& observer,
                       const std::stop_token& stop = {});

}  // namespace pgkeep::catalog
