#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "catalog/records/event_journal.h"
#include "catalog/wal/wal_inventory.h"

namespace pgkeep::catalog {

/// A file of a segment, and up to where its bytes count.
struct HeldFile {
  postgres::WalSegment segment;
  bool partial = false;
  postgres::Lsn end;  // after the last byte that counts: of the line, and received
  bool cut = false;   // it has bytes from `end` on, which are not of the line
};

/// WAL that is missing between two stretches of one line of timelines, or that no recovery passes.
struct WalGap {
  WalRange range;
  /// That it was found to be lost, and why; nothing: it may still come. minimal_wal: it is held.
  std::optional<Event> event;
};

/// Where receiving has to continue; see HeldLine::resume_point(). `until`: the next held stretch begins
/// there, so that only this much is missing.
struct ResumePoint {
  postgres::WalPosition position;
  std::optional<postgres::Lsn> until;
};

/// What is held along one line of timelines. Of several files of a segment, the one that goes furthest
/// counts: that of a later timeline begins with a copy of what the earlier ones left in the segment, but the
/// copy may not have arrived yet. What a timeline wrote after the line had left it is not of the line.
/// Made by HeldWal::along(); a plain value like it, which follows the gaps and the timelines and not how many
/// segments there are.
class HeldLine {
 public:
  /// All that is held, of other lines too. A partial that has nothing ends where it begins.
  HeldLine(postgres::TimelineHistory line, const SegmentSet& archived, std::span<const HeldFile> partials,
           postgres::WalSegmentSize size);

  const postgres::TimelineHistory& line() const noexcept { return line_; }

  // --- how far
  struct Stretch {
    postgres::Lsn begin;  // of a segment
    postgres::Lsn end;
  };
  /// What is held without a gap, in order.
  const std::vector<Stretch>& stretches() const noexcept { return stretches_; }
  /// The first byte from `from` on that is not held.
  postgres::Lsn reach_from(postgres::Lsn from) const;
  bool covers(postgres::Lsn begin, postgres::Lsn end) const { return reach_from(begin) >= end; }
  /// The first byte from `from` on that no recovery comes to: it is not held, or of WAL that was written with
  /// wal_level = minimal, as `events` say.
  postgres::Lsn replay_reach(postgres::Lsn from, std::span<const Event> events) const;
  /// Where that lies before the end of what is held; nothing otherwise, or when `from` is not on the line.
  std::optional<postgres::Lsn> replay_stops_after(const postgres::WalPosition& from,
                                                  std::span<const Event> events) const;
  /// The end of what is held, whatever is missing before it; nothing when nothing is.
  std::optional<postgres::WalPosition> end() const;
  /// The server was told of no position after it; nothing like end(). An empty partial counts: the end of the
  /// segment before is reported once it is there.
  std::optional<postgres::Lsn> most_reported() const;

  // --- which files
  // Those that have something of the line: the archived ones, and the partials by number and timeline.
  const SegmentSet& archived() const noexcept { return archived_; }
  const std::vector<HeldFile>& partials() const noexcept { return partials_; }
  /// The last segment of which there is such a file; nothing when there is none.
  std::optional<std::uint64_t> last_number() const;
  /// Those of one segment, by timeline.
  std::vector<HeldFile> files(std::uint64_t number) const;
  /// The one that goes furthest, of two such that of the newest timeline; nothing when there is none.
  std::optional<HeldFile> furthest(std::uint64_t number) const;
  /// The archived files that are of the line to their end, by number, of two of a segment that of the newest
  /// timeline. No other file of these segments goes further.
  const std::vector<SegmentRun>& whole() const noexcept { return whole_; }

  /// The segments from that one on with one file each, which is archived and of the line to its end; nothing
  /// when that one is none of them.
  std::optional<SegmentRun> alone_from(std::uint64_t number) const;

  // --- what is missing
  /// Between the stretches, and what is known to be lost after the last; with the WAL of
  /// wal_level = minimal. Sorted.
  std::vector<WalGap> gaps(std::span<const Event> events) const;
  /// Where receiving has to continue along the line of a server: the first byte that is not held, after the
  /// oldest WAL of that line that is, and after every gap that is known to be lost (`events`). Always the
  /// first byte of a segment: that of a partial, whose bytes are received again. Nothing when nothing of the
  /// line is held.
  std::optional<ResumePoint> resume_point(std::span<const Event> events) const;

 private:
  void add_archived(const SegmentSet& archived);
  void add_partials(std::span<const HeldFile> partials);
  void find_whole();
  void find_stretches();
  HeldFile cut_to_line(HeldFile file) const;
  std::vector<postgres::TimelineId> timelines() const;
  std::optional<std::uint64_t> oldest_number() const;
  postgres::TimelineId timeline_to_ask(std::uint64_t number) const;

  postgres::TimelineHistory line_;
  postgres::WalSegmentSize size_;
  SegmentSet archived_;
  std::vector<HeldFile> partials_;  // with something in them, by number and timeline
  std::vector<HeldFile> begun_;     // also those with nothing in them
  std::vector<SegmentRun> whole_;
  std::vector<Stretch> stretches_;
};

/// True when a timeline must not be asked for to its end. The line leaves it before the switch point that its
/// server knows (switch points may fall), and the server would send what is not of the line. Or the line has
/// nothing of the next timeline of the history: a server reads the last segment of a timeline from the file
/// of the next one, which it need not have ever had.
bool is_cut_short(const postgres::TimelineHistory& line, postgres::TimelineId timeline);

/// The file in which a server on that line has the segment: it is named for the timeline of its last byte.
postgres::WalSegment file_on(const postgres::TimelineHistory& line, std::uint64_t number,
                             postgres::WalSegmentSize size);

}  // namespace pgkeep::catalog
