#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/wal/held_wal.h"
#include "catalog/wal/waiting_wal.h"

namespace pgkeep::catalog {

/// Takes segments that were pushed and wait into the archive, where something speaks for them:
///
/// - the archive itself, for a gap: the records of the waiting segments continue those of the archived
///   segment before them, each continues the one before it, and those of the segment after them, archived or
///   being received, continue the last. One that somebody made up can still do that, but not one of a copy of
///   the host that continued by itself. For WAL before all that is held, which no backup here needs, there is
///   only the right side.
/// - an operator, for what lies after the end of the WAL, where there is nothing on the other side yet, or
///   for a gap that cannot be proved. The left side has to join all the same.
///
/// That it is going to be taken is recorded as the event `adopted`, and what it tells itself (event_in()),
/// before it is in the archive; what was taken of it then, as a second one with its range. Taken WAL is
/// compared like all that waits: other copies of the same segment become conflicts.
///
/// One file that cannot be read, be it a copy, a history or a partial, proves nothing and keeps nothing else
/// from being taken; it is named among the troubles.
/// Borrows the archive. Any thread; several processes may do it at once.
class WalAdoption {
 public:
  explicit WalAdoption(const WalArchive& archive) : archive_(&archive), waiting_(archive) {}

  struct Taken {
    std::vector<SegmentFileHeader> segments;  // now in the archive, in the order of the WAL
    std::vector<std::string> troubles;        // what kept it from being more, each named with its place
  };

  /// Fills the gap that ends where `right` begins, a segment that is archived or being received, when waiting
  /// segments are proved to do that. A segment that was received whole and is not archived yet is no gap.
  /// Nothing is taken when there is no such gap, or not all of it waits, or it is not proved, or by two ways.
  /// A damaged copy proves nothing. Costs reading each waiting segment of it twice. Throws when the
  /// beginning cannot be recorded, or the first segment not be taken.
  Taken fill_gap_before(const postgres::WalSegment& right, const WaitingWal::Record& record);
  /// The same for the gap that a segment lies in which has come to wait just now, and which ends on its
  /// timeline.
  Taken fill_gap_around(const postgres::WalSegment& waiting, const WaitingWal::Record& record);

  /// The same for every gap. What goes wrong with one is among the troubles.
  Taken fill_gaps(const WaitingWal::Record& record);

  /// What an operator may take along the line of a timeline.
  struct Offer {
    std::vector<WaitingSegment> segments;  // in the order of the WAL
    std::string ends_because;              // a clause: why no more of those that wait
  };
  /// The waiting segments that continue what is held, or complete the segment that was being received, up to
  /// `last` when that is given. Where several copies would, none from there on.
  Offer offer(postgres::TimelineId timeline, const std::optional<postgres::WalSegment>& last) const;
  /// Takes an offer; `why` says who decided. Throws when nothing could be taken.
  Taken take(const Offer& offer, const std::string& why, const WaitingWal::Record& record);

 private:
  using Troubles = std::set<std::string>;  // a file is asked several times, and named once
  using Waiting = std::map<postgres::WalSegment, std::vector<PushedCopy>>;
  /// A copy of a segment that some chain of copies has come to.
  struct Link {
    PushedCopy copy;
    std::size_t before = 0;  // in the links of the segment before it
    std::optional<postgres::WalCarry> carry;
    bool by_one_way = true;
  };
  /// All that chains have come to in one segment.
  struct Step {
    postgres::WalSegment segment;
    std::vector<Link> links;
  };

  Waiting waiting_by_segment() const;
  std::optional<std::uint64_t> oldest_held(const postgres::TimelineHistory& line) const;
  HeldWal look_at(const postgres::WalSegment& segment) const;
  bool is_held(const postgres::WalSegment& segment) const;
  std::vector<PushedCopy> joining(const postgres::WalSegment& segment, const std::vector<PushedCopy>& copies,
                                  const std::optional<postgres::WalCarry>& before, Joins at_least,
                                  Troubles& troubles) const;
  std::vector<Link> continue_chains(const std::vector<Link>& before, const postgres::WalSegment& segment,
                                    const std::vector<PushedCopy>& copies, Troubles& troubles) const;
  static std::vector<WaitingSegment> only_chain_to(std::size_t link, const std::vector<Step>& steps);
  std::vector<WaitingSegment> prove(const postgres::TimelineHistory& line, std::uint64_t first,
                                    const postgres::WalSegment& right, const Waiting& waiting,
                                    Troubles& troubles) const;
  std::string add_to_offer(Offer& offer, const postgres::TimelineHistory& line,
                           const postgres::WalSegment& segment, const std::vector<PushedCopy>& copies) const;
  std::string take_one(const WaitingSegment& waiting, const WaitingWal::Record& record, Taken& taken);
  void record_taken(const Taken& taken, const std::string& why, const std::string& stopped,
                    const WaitingWal::Record& record) const;
  Taken adopt(const std::vector<WaitingSegment>& segments, const std::string& why,
              const WaitingWal::Record& record);

  const WalArchive* archive_;  // borrowed
  WaitingWal waiting_;
};

}  // namespace pgkeep::catalog
