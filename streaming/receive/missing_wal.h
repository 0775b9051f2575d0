#pragma once

#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "streaming/receive/wal_start.h"
#include "streaming/wire/nodes.h"

namespace pgkeep::streaming {

/// What a server can still send after WAL that it has removed: where its slot stands, what lies in pg_wal.
struct WhatIsLeft {
  std::optional<postgres::Lsn> held_from;    // WAL from there on is here already
  std::optional<postgres::Lsn> slot_from;    // the slot holds WAL back from there on
  std::vector<postgres::WalSegment> in_wal;  // files of pg_wal; may be empty when it cannot be listed
  postgres::Lsn position;                    // of the server
};
/// The first byte after `missing`, the first byte of a segment, from which on WAL can be had without a gap:
/// always the first byte of a segment. Nothing when there is none.
std::optional<postgres::Lsn> far_side(postgres::Lsn missing, const WhatIsLeft& left,
                                      const postgres::TimelineHistory& line, postgres::WalSegmentSize size);

/// The pieces of a line from `begin` to `end`, one a timeline.
std::vector<catalog::WalRange> pieces_of_line(const postgres::TimelineHistory& line, postgres::Lsn begin,
                                              postgres::Lsn end);

/// What to do when the server has removed WAL that was not received yet: gets it from another host of the
/// conninfo, or else puts the gap down as lost, with its cause.
///
/// Every step may be cut off: whole segments that were got are archived when settle() returns or throws, and
/// the rest is looked for again at the next start. Only hosts on the same line are asked, and what they send
/// is checked like all WAL: what fails is taken back. While a host does not answer, nothing is put down as
/// lost: only after kSearches that ended so. The event of a gap is durable before anything after it is asked
/// for. Borrows everything. Threads: one.
class MissingWal {
 public:
  /// So often, with the receiver's back-off in between, WAL is looked for before a host that does not answer
  /// is given up.
  static constexpr int kSearches = 5;

  /// `searches_in_vain` counts them, and lives as long as the receiver.
  MissingWal(WalIntake& intake, const WalReceiverSettings& settings, EventReporter& events,
             int& searches_in_vain)
      : intake_(&intake), settings_(&settings), events_(&events), searches_in_vain_(&searches_in_vain) {}

  /// `node`, on `line`, has no WAL at `start` any more, as `error` says; `slot` is where its slot stands.
  /// Where to continue when nothing of the line is held. Throws `error` when nothing can be said of what is
  /// lost, ConnectionLost when a host that may have it does not answer, StorageError when it cannot be kept.
  postgres::Lsn settle(Node& node, const postgres::TimelineHistory& line, const StreamStart& start,
                       const SlotView& slot, const ServerError& error, const std::stop_token& stop);

 private:
  std::vector<postgres::WalSegment> list_wal(const Node& node, const std::stop_token& stop) const;
  /// What came of looking for a segment on the other hosts.
  struct Search {
    bool found = false;
    bool one_did_not_answer = false;
    std::string failures;
  };
  Search search_others(const Node& node, const postgres::TimelineHistory& line, postgres::Lsn begin,
                       postgres::Lsn end, const std::stop_token& stop);
  void fetch_from(ConnectionSettings settings, const Node& node, const postgres::TimelineHistory& line,
                  postgres::Lsn begin, postgres::Lsn end, const std::stop_token& stop);
  std::string what_waits(postgres::Lsn begin, postgres::Lsn end) const;
  void mark(const postgres::Endpoint& peer, const postgres::TimelineHistory& line, postgres::Lsn begin,
            postgres::Lsn end, const std::string& why);

  WalIntake* intake_;
  const WalReceiverSettings* settings_;
  EventReporter* events_;
  int* searches_in_vain_;
};

}  // namespace pgkeep::streaming
