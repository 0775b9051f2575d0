#include "streaming/receive/slot_keeper.h"

#include <cerrno>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::streaming {
SlotKeeper::SlotKeeper(const store::ServerLayout& layout, const WalReceiverSettings& settings,
                       EventReporter& events)
    : layout_(layout), slot_(settings.slot), create_(settings.create_slot), events_(&events), made_(layout) {}

bool SlotKeeper::is_ours(const Node& node) const {
  return made_.has(slot_, node.system.system);
}

std::optional<SlotView> SlotKeeper::look(Node& node, const std::stop_token& stop) const {
  const auto version = node.connection.major_version();
  const bool may_hide_loss =
      version >= postgres::since::kInvalidSlotMovesOn && version <= postgres::until::kInvalidSlotMovesOn;
  std::optional<SlotView> seen;
  try {
    seen = read_slot(node.connection, slot_, node.settings, stop);
    if (seen && may_hide_loss && !is_lost(*seen, node)) {
      auto session = Connection::open(node.settings, ConnectionKind::sql, stop);
      if (const auto shown = ask_slot(session, slot_)) seen->wal_status = shown->wal_status;
    }
  } catch (const ServerError&) {
    // No SQL for this role: what the replication protocol tells has to do.
  } catch (const ConnectionLost&) {
    // The same, or the next command says that the server is gone.
  }
  return seen;
}

/// A slot that holds nothing back was never made to, or is lost; pgkeep's own always were.
bool SlotKeeper::is_lost(const SlotView& slot, const Node& node) const {
  return slot.is(WalStatus::lost) || (!slot.restart_lsn && is_ours(node));
}

SlotView SlotKeeper::prepare(Node& node, postgres::WalSegmentSize size, const std::stop_token& stop) {
  const auto seen = look(node, stop);
  if (seen && is_lost(*seen, node)) {
    if (!renew(node, size, fmt::format("{} has invalidated slot {}", node.connection.peer(), slot_)))
      return *seen;
  } else if (!seen && create_) {
    make(node, size);
  } else {
    return seen.value_or(SlotView{});
  }
  return look(node, stop).value_or(SlotView{});
}

bool SlotKeeper::renew_refused(Node& node, postgres::WalSegmentSize size, const ServerError& error) {
  return renew(node, size, error.what());
}

void SlotKeeper::require_room(postgres::WalSegmentSize size) const {
  if (io::free_space(layout_.root()) >= 2 * std::uint64_t{size.bytes()}) return;
  throw StorageError(ENOSPC, layout_.root(),
                     fmt::format("make room for two WAL segments, before slot {} has WAL held back", slot_));
}

/// The stream does not wait for the process that holds the lock of slot.json: without a note the slot counts
/// as somebody else's, and is never dropped by us.
template <typename Deed>
void SlotKeeper::note(Deed&& deed) {
  try {
    deed();
  } catch (const Busy& busy) {
    events_->warn(
        fmt::format("slot {} could not be noted as made by pgkeep, so it counts as somebody else's: {}",
                    slot_, busy.what()));
  }
}

/// Written down as intended before it is made, and as ours only once the server has said that it made it: on
/// 13 and 14 one of an operator may be there that we cannot see, and a crash must not turn it into ours.
void SlotKeeper::make(Node& node, postgres::WalSegmentSize size) {
  const auto system = node.system.system;
  const auto host = node.connection.peer();
  bool created = false;
  try {
    require_room(size);
    note([&] { made_.intend(slot_, system, host); });
    created = create_slot(node.connection, slot_);
  } catch (const ConnectionLost&) {
    throw;  // it may have been made
  } catch (const Error&) {
    note([&] { made_.take_back(slot_, system, host); });
    throw;
  }
  // Somebody else's, which we could not see.
  if (!created) return note([&] { made_.take_back(slot_, system, host); });
  note([&] { made_.add(slot_, system, host); });
  events_->note(catalog::EventKind::slot_created, fmt::format("slot {} was made on {}", slot_, host));
}

bool SlotKeeper::renew(Node& node, postgres::WalSegmentSize size, const std::string& cause) {
  if (!create_ || !is_ours(node)) {
    events_->note(
        catalog::EventKind::slot_lost,
        fmt::format("{}; it holds no WAL back any more. It was not made by pgkeep, or may not be made by it: "
                    "drop it (`pgkeep drop-slot --force`) and create it again (`pgkeep create-slot`)",
                    cause));
    return false;
  }
  require_room(size);
  // First dropped, then told: a server that only shuts down refuses to drop it, and then it is not lost.
  drop_slot(node.connection, slot_);
  events_->note(catalog::EventKind::slot_lost,
                fmt::format("{}; it was dropped, and is created again", cause));
  make(node, size);
  return true;
}

}  // namespace pgkeep::streaming
