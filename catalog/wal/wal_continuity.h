#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catalog/records/event_journal.h"
#include "catalog/wal/wal_archive.h"

namespace pgkeep::catalog {

/// WAL that is missing between two stretches of one line of timelines, or that no recovery passes.
struct WalGap {
  WalRange range;
  /// That it was found to be lost, and why; nothing: it may still come. minimal_wal: it is held.
  std::optional<Event> event;
};

/// Where one timeline goes on on the next.
struct WalJoint {
  postgres::TimelineId from;
  postgres::TimelineId to;
  postgres::Lsn at;
};

/// Which stretches of WAL are held without a hole, from the names in the archive alone. Pure data.
struct WalContinuity {
  std::vector<WalRange> ranges;  // by timeline and position; complete segments, and the partials behind them
  std::vector<WalJoint> joints;  // between timelines that have WAL here
  std::vector<WalGap> gaps;      // along the line of the newest timeline and its ancestors
  std::optional<postgres::WalPosition> end;  // of what is held of the newest timeline
};

/// `partial_ends`: how far the bytes in each partial reach.
struct PartialEnd {
  postgres::WalSegment segment;
  postgres::Lsn end;
};
WalContinuity examine_continuity(const WalInventory& wal, std::span<const PartialEnd> partial_ends,
                                 postgres::WalSegmentSize size, std::span<const Event> events);
/// The same, read from the files.
WalContinuity read_continuity(const WalArchive& archive);

/// The timeline that the server was on last, as far as its WAL tells: the highest of which there is WAL, not
/// the one with the most. Once there is, no server on a lower one is received from. A history, or WAL that
/// was pushed and waits, makes no timeline the newest.
std::optional<postgres::TimelineId> newest_timeline(const WalInventory& wal);

/// Whether WAL stands on the history of a timeline: that of the timeline itself, or of one that comes from
/// it. Only then is that history the word of a server whose WAL is here.
bool is_borne_out(const WalInventory& wal, postgres::TimelineId timeline);

/// True when a timeline must not be asked for to its end. The line leaves it before the switch point that its
/// server knows (switch points may fall), and the server would send what is not of the line. Or the line has
/// nothing of the next timeline of the history: a server reads the last segment of a timeline from the file
/// of the next one, which it need not have ever had.
bool is_cut_short(const postgres::TimelineHistory& line, postgres::TimelineId timeline);

/// The file in which a server on that line has the segment: it is named for the timeline of its last byte.
postgres::WalSegment file_on(const postgres::TimelineHistory& line, std::uint64_t number,
                             postgres::WalSegmentSize size);

/// Where receiving has to go on along the line of a server: the first byte that is not held, behind the
/// oldest WAL of that line that is, and behind every gap that is known to be lost (`events`). Always the
/// first byte of a segment: that of a partial, whose bytes are received again. Nothing when nothing of the
/// line is held. `until`: the next held stretch begins there, so that only this much is missing.
struct ResumePoint {
  postgres::WalPosition position;
  std::optional<postgres::Lsn> until;
};
std::optional<ResumePoint> find_resume_point(const WalInventory& wal, const postgres::TimelineHistory& line,
                                             postgres::WalSegmentSize size, std::span<const Event> events);

}  // namespace pgkeep::catalog
