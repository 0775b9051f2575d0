#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "catalog/io/error.h"
#include "catalog/records/made_slots.h"
#include "streaming/receive/event_reporter.h"
#include "streaming/wire/nodes.h"

namespace pgkeep::streaming {

/// Sees to it that the replication slot is on the server, and holds WAL back: makes it when it is missing and
/// may be made, and makes it again when the server has invalidated it. Only a slot that pgkeep made is ever
/// dropped. A slot that an operator keeps is left as it is, with an event that says what to do.
///
/// Borrows the reporter. Threads: one.
class SlotKeeper {
 public:
  SlotKeeper(const store::ServerLayout& layout, const WalReceiverSettings& settings, EventReporter& events);

  /// Before streaming. Where the slot stands, as far as it is known. Throws StorageError (out of space) while
  /// the repository has no room for two segments and the slot would have to be made: what it held back would
  /// only fill the server's disk.
  SlotView prepare(Node& node, postgres::WalSegmentSize size, const std::stop_token& stop);
  /// The server refused to stream with the slot, in the words of `error` (55000). True when it is there
  /// again.
  bool renew_refused(Node& node, postgres::WalSegmentSize size, const ServerError& error);

 private:
  /// Nothing when there is none, or when the server does not say.
  std::optional<SlotView> look(Node& node, const std::stop_token& stop) const;
  bool is_lost(const SlotView& slot, const Node& node) const;
  bool is_ours(const Node& node) const;
  void require_room(postgres::WalSegmentSize size) const;
  template <typename Deed>
  void note(Deed&& deed);
  void make(Node& node, postgres::WalSegmentSize size);
  /// True when it was made again.
  bool renew(Node& node, postgres::WalSegmentSize size, const std::string& cause);

  store::ServerLayout layout_;
  std::string slot_;
  bool create_;
  EventReporter* events_;
  catalog::MadeSlots made_;
};

}  // namespace pgkeep::streaming
