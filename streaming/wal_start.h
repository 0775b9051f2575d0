#pragma once

#include <functional>
#include <optional>
#include <string>

#include "catalog/io/error.h"
#include "catalog/wal_continuity.h"
#include "streaming/event_reporter.h"
#include "streaming/wal_intake.h"

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

/// The server has another history of one of its timelines than was received of it: its storage was put back to
/// an earlier state, or a second server was promoted to the same timeline. Nothing of it may be stored, also when
/// it has passed what is held later, until somebody decides (`pgkeep new-line`). WalSession records it as the
/// event `rolled_back`, unless there is no range: then it says again what was recorded.
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

/// Throws OtherBranch unless the newest timeline with WAL here is on the server's line, the history file of
/// the server's timeline, if it is here, is the server's, and those of its ancestors that are here tell the
/// same of where timelines were left. The message says nothing that changes from one attempt to the next.
void require_on_line(const std::string& peer, const ServerLine& line, const catalog::WalArchive& archive);

/// Stores the history of the server's timeline and those of its ancestors that the archive lacks, durably.
/// Throws ProtocolError when that of an ancestor contradicts the line.
void adopt_histories(Connection& connection, const ServerLine& line, WalIntake& intake);

/// When the server's line left `timeline` before the end of what is held of it, and whole records lie behind
/// the fork: an event that says so. What lies there stays.
void report_branch_left(const std::string& peer, const postgres::TimelineHistory& line,
                        postgres::TimelineId timeline, const catalog::WalArchive& archive,
                        EventReporter& events);

/// Throws RolledBack when one was recorded and nobody has decided about it yet.
void require_decided(const store::ServerLayout& layout);

/// Throws RolledBack when a primary's position lies before what was received of its own timeline by the stream.
/// A primary sends nothing that it has not flushed, so it never comes to be there by itself. `primary` must have
/// been asked for after all of that was received.
void require_not_rolled_back(const std::string& peer, const SystemInfo& primary,
                             const catalog::WalArchive& archive);

/// Where to go on: after what is on disk (catalog::find_resume_point); when nothing of the line is, at
/// `begin_at`, else where the slot holds WAL back, else at the server's position, rounded down to a segment.
/// Throws ServerBehind when the server, a standby, has not come that far; Corruption when the last archived segment
/// before it cannot be read or is another cluster's.
StreamStart choose_start(const std::string& peer, const SystemInfo& system,
                         const postgres::TimelineHistory& line, const SlotPosition& slot,
                         std::optional<postgres::Lsn> begin_at, const catalog::WalArchive& archive,
                         std::span<const catalog::Event> events);

/// The end of what is held of a line, whatever is missing before it; nothing when nothing is.
std::optional<postgres::Lsn> held_end(const catalog::WalArchive& archive, const catalog::WalInventory& wal,
                                      const postgres::TimelineHistory& line);

}  // namespace pgkeep::streaming
