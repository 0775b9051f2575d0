#pragma once

#include <optional>
#include <span>
#include <vector>

#include "catalog/retention/needless_wal.h"
#include "catalog/retention/retention_rules.h"

namespace pgkeep::catalog {

/// A backup that needs WAL.
struct WalUser : RuledBackup {
  bool standalone = false;     // kept so
  bool kept_with_wal = false;  // kept, and with all WAL from it on
  /// It is good, and stays: recoveries may begin at it as long as the policy is what it is.
  bool can_be_relied_on = false;
};

/// When the WAL window begins, which is never shorter than the recovery window; nothing: there is none.
std::optional<io::TimePoint> wal_window_begin(const RetentionPolicy& policy, io::TimePoint now);

/// What each of the backups needs, in their order. Pure. `users`: oldest first.
///
/// Without a WAL window they go on. With one, those go on that ended in it or are kept, and of each branch on
/// which moments of it lie the newest before it that can be relied on, along that branch. Where there is none
/// such, all that lead along the branch go on.
///
/// One that stands alone needs what makes it consistent, and is not relied on for the WAL window. But the
/// recovery window is promised: as long as moments in that are reached from this one, it goes on.
std::vector<WalNeed> wal_needs(std::span<const WalUser> users, std::span<const LineOfWal> lines,
                               const RetentionPolicy& policy, io::TimePoint now);

/// What of a line's WAL goes when these needs alone are left of its backups. A line that has none keeps all:
/// the current one may be about to get its first, and of another nobody has decided, unless it goes with its
/// backups. Pure.
NeedlessWal needless_of(const LineOfWal& line, std::span<const WalNeed> needs);

}  // namespace pgkeep::catalog
