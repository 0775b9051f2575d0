#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "streaming/receive/leftover_slots.h"
#include "streaming/receive/missing_wal.h"
#include "streaming/receive/slot_keeper.h"

namespace pgkeep::streaming {

/// One connection of a WalReceiver, from the choice of a host to its end: confirms the identity, takes over
/// the server's histories, sees to the slot, and streams until stop is asked, from one timeline to the next
/// and past what cannot be had any more. Throws, so that a pause follows, when a server keeps sending it on
/// without any WAL. Borrows everything. Threads: one.
class WalSession {
 public:
  WalSession(const store::ServerLayout& layout, const WalReceiverSettings& settings,
             WalReceiverObserver& observer, WalWorkers& workers, WalIntake::Progress progress,
             int& searches_in_vain, const std::stop_token& stop);
  /// Until stop is asked.
  void run();

 private:
  Node connect();
  catalog::WalArchive open_archive();
  std::string object_to(Node& node) const;
  void stream();
  void take_line();
  void refresh();
  void require_not_put_back();
  /// False when the server could not be compared with what is held.
  bool prove_history(const postgres::WalPosition& position);
  void warn_of_blind_start();
  StreamStart next_start();
  StreamStart switch_timeline(const StreamStart& start, const StreamEnd& end);
  void note_progress(const StreamStart& start);
  /// Nothing when stop was asked.
  std::optional<StreamStart> receive(const StreamStart& start);
  StreamStart after_refusal(const StreamStart& start, const ServerError& error);

  store::ServerLayout layout_;
  const WalReceiverSettings* settings_;
  WalReceiverObserver* observer_;
  std::stop_token stop_;
  EventReporter events_;
  SlotKeeper slots_;
  Node node_;
  WalIntake intake_;
  MissingWal missing_;
  std::optional<postgres::TimelineHistory> line_;  // the server's
  SlotView slot_;
  std::optional<postgres::Lsn> begin_at_;  // when nothing of the line is held
  bool slot_renewed_ = false;
  // Since WAL was received last:
  int switches_ = 0;
  int refusals_ = 0;
  std::optional<LeftoverSlots> leftovers_;  // last: its thread uses the events
};

}  // namespace pgkeep::streaming
