#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/retention/retention_marks.h"
#include "catalog/retention/retention_rules.h"
#include "catalog/retention/wal_needs.h"

namespace pgkeep::catalog {

/// What expiry is decided by, of one backup.
struct ExpiryCandidate : RuledBackup {
  std::string fault{};      // why no recovery should rely on it; empty: it is good
  std::string reader{};     // who reads it now; empty: nobody
  std::string objection{};  // of the operator's own program, to its going now; empty: none
  std::optional<ExpiryMark> expired{};
  std::optional<KeepMark> keep{};
  std::string note{};  // what an operator wants remembered of it; empty: nothing

  bool is_kept(io::TimePoint now) const { return keep && (!keep->until || *keep->until > now); }
  bool is_deleted() const { return expired && expired->by == ExpiryMark::By::operator_; }
  /// As a user of WAL.
  WalUser as_user(io::TimePoint now, bool can_be_relied_on) const;
  bool stands_alone(io::TimePoint now) const { return is_kept(now) && keep->standalone; }
};

enum class Fate : std::uint8_t {
  stays,
  expires,  // it is marked now
  waits,    // it was marked, and its grace time runs
  goes,     // its grace time is over
  returns,  // it was marked by the policy, and a rule keeps it again
};
std::string_view to_string(Fate fate);

struct ExpiryDecision {
  store::BackupId id;
  Fate fate = Fate::stays;
  std::vector<std::string> reasons{};      // why it stays, or why it goes; never empty
  std::optional<io::TimePoint> goes_at{};  // expires, waits
};

/// What `expire` does with the WAL of one line.
struct WalExpiry {
  NeedlessWal goes;  // no recovery needs it that is possible when the backups have gone
  SegmentSet waits;  // archived: for what has expired to go
};

struct ExpiryPlan {
  std::vector<ExpiryDecision> backups;  // in the order of the candidates
  std::vector<WalExpiry> wal;           // in the order of the lines
};

/// What is known of the backups and the WAL of a server.
struct ExpiryFacts {
  std::vector<ExpiryCandidate> candidates;  // oldest first
  std::vector<LineOfWal> lines;             // of which they are, the current one last
  /// Why there is a backup more of which nothing is known, so that it stays, and all WAL, since it may need
  /// any; a message each.
  std::vector<std::string> unclear;
  /// An operator has deleted backups before. Then WAL that nothing needs goes without a policy, too: what a
  /// deletion left, that was killed, must not look like WAL with a gap.
  bool deleted_by_hand = false;
};

/// Why no recovery should rely on each of the backups: its own fault, or WAL that is missing before it is
/// consistent; empty: it is good. Pure.
std::vector<std::string> faults_of(std::span<const ExpiryCandidate> candidates,
                                   std::span<const LineOfWal> lines);

/// Decides what of a server expires, and what goes. Pure.
///
/// With a WAL window, WAL from before it stays only as far as `wal_needs` says. What it let go must not make
/// a moment in it unrecoverable later: where no older backup that stays reaches the newest one from before
/// the window any more, that one stays.
///
/// A backup that is not good, or that lacks WAL before it is consistent, counts for no rule. It stays as long
/// as a rule would keep it if it were good, and nothing that stays reaches its time. What is being read
/// stays, and so does what an operator wants kept. One with a note stays as the way to the moment at which it
/// ended: where nothing else keeps it, with the WAL that makes it consistent and no more. While none of the
/// backups that would stay is good, nothing expires. What an operator deleted never returns by itself.
/// Without any rule nothing expires; what an operator deletes goes, and WAL only once one did.
///
/// `local`: where the days of the policy begin and end.
ExpiryPlan plan_expiry(const ExpiryFacts& facts, const RetentionPolicy& policy, io::TimePoint now,
                       const LocalTime& local = in_utc);

}  // namespace pgkeep::catalog
