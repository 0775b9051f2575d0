#pragma once

#include <span>
#include <string>
#include <vector>

#include "catalog/retention/expiry_plan.h"

// What an operator should know before backups are deleted.
namespace pgkeep::catalog {

/// Why these backups should not go: then no good one would be left, or none of the current line, or none from
/// which a recovery comes to the end of its WAL. Those that have expired, or are not good, do not count as
/// left. Empty when they may go; those that are not good themselves always may. Pure.
std::string why_they_are_needed(const ExpiryFacts& facts, std::span<const store::BackupId> ids);

/// The WAL of each line, in the order of `facts.lines`, that goes in the end because that backup does:
/// nothing needs it that is still there when what has expired is gone. Pure.
std::vector<NeedlessWal> wal_that_goes_with(const ExpiryFacts& facts, const RetentionPolicy& policy,
                                            io::TimePoint now, const store::BackupId& id);

/// The WAL of each line that nothing needs which is there now, besides that backup. Pure.
std::vector<NeedlessWal> wal_needless_without(const ExpiryFacts& facts, const RetentionPolicy& policy,
                                              io::TimePoint now, const store::BackupId& id);

}  // namespace pgkeep::catalog
