#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "catalog/io/error.h"
#include "catalog/wal/held_wal.h"
#include "streaming/receive/event_reporter.h"
#include "streaming/receive/wal_intake.h"

namespace pgkeep::streaming {

/// The server is the right one, but a standby that has not reached yet what was received before.
class ServerBehind : public Error {
 public:
  using Error::Error;
  bool retryable() const noexcept override { return true; }
};

/// The server is on another branch than the WAL here: nothing of it may be stored.
class OtherBranch : public Refused {
 public:
  using Refused::Refused;
};

/// The server has another history of one of its timelines than was received of it: its storage was put back
/// to an earlier state, or a second server was promoted to the same timeline. Nothing of it may be stored,
/// also when it has passed what is held later, until somebody decides (`pgkeep new-line`). WalSession records
/// it as the event `rolled_back`, unless there is no range: then it says again what was recorded.
class RolledBack : public Refused {
 public:
  explicit RolledBack(const std::string& what, std::optional<catalog::WalRange> range = {})
      : Refused(what), range_(range) {}
  /// What is held and not on the server.
  const std::optional<catalog::WalRange>& range() const noexcept { return range_; }

 private:
  std::optional<catalog::WalRange> range_;
};

/// The timelines that a server comes from, as it says itself.
struct ServerLine {
  postgres::TimelineHistory history;
  std::optional<std::string> content;  // of its history file; timeline 1 has none
};
ServerLine ask_line(Connection& connection, const SystemInfo& system);

/// Throws OtherBranch when WAL of a higher timeline than the server's is held, or when a history
/// here contradicts the server's line, unless it is one that nothing has borne out
/// (WalInventory::is_borne_out()). A server on a higher timeline is followed wherever it left the line that
/// is held: it says so itself. The message says nothing that changes from one attempt to the next.
void require_on_line(const postgres::Endpoint& peer, const ServerLine& line,
                     const catalog::WalArchive& archive);

/// Stores the history of the server's timeline and those of its ancestors that the archive lacks, durably.
/// One that contradicts the server's and was borne out by nothing is kept aside as a conflict, and gives way.
/// Throws ProtocolError when that of an ancestor contradicts the line.
void adopt_histories(Connection& connection, const ServerLine& line, WalIntake& intake,
                     EventReporter& events);

/// Stores the history of a timeline as a server tells it; see adopt_histories().
void adopt_history(const postgres::Endpoint& peer, postgres::TimelineId timeline, const std::string& content,
                   WalIntake& intake, EventReporter& events);

/// Where the server's line left the one that is held, before the end of what is held of it, and whole records
/// lie after that: an event for each such timeline. What lies there stays.
void report_branches_left(const postgres::Endpoint& peer, const postgres::TimelineHistory& line,
                          const catalog::WalArchive& archive, EventReporter& events);

/// Where to continue along `line` when its server ended a timeline and it continues at `next`: at the first
/// byte of that segment. What was reported before on the old timeline may lie after the fork, where the new
/// one has other WAL: nothing of that counts any more; but what is held of the new one does. A timeline that
/// the line leaves before the server says so is asked for up to the segment where it does, or not at all.
StreamStart start_after_switch(const postgres::WalPosition& next, const postgres::TimelineHistory& line,
                               const catalog::WalArchive& archive);

/// Throws RolledBack when one was recorded and nobody has decided about it yet.
void require_decided(const store::ServerLayout& layout);

/// Throws RolledBack when a primary's position lies before the end of what is held of its own timeline, or
/// before the last segment of a gap that was found in it (`events`). A primary sends nothing that it has not
/// flushed, so it never comes to be there by itself. `primary` must have been asked for after all of that was
/// received.
void require_not_rolled_back(const postgres::Endpoint& peer, const SystemInfo& primary,
                             const catalog::WalArchive& archive, std::span<const catalog::Event> events);

/// Where to continue: after what is on disk (HeldLine::resume_point()); when nothing of the line is, at
/// `begin_at`, else where the slot holds WAL back, else at the server's position, rounded down to a segment.
/// Throws ServerBehind when the server, a standby, has not come that far; Corruption when the last archived
/// segment before it cannot be read or is another cluster's.
StreamStart choose_start(const postgres::Endpoint& peer, const SystemInfo& system,
                         const postgres::TimelineHistory& line, const SlotView& slot,
                         std::optional<postgres::Lsn> begin_at, const catalog::WalArchive& archive,
                         std::span<const catalog::Event> events);

}  // namespace pgkeep::streaming
