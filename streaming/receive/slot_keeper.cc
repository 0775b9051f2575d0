#include "streaming/receive/slot_keeper.h"

#include <cerrno>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/file.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::streaming {
namespace {

constexpr std::string_view kLost = "lost";

}  // namespace

SlotKeeper::SlotKeeper(const store::ServerLayout& layout, const WalReceiverSettings& settings,
                       EventReporter& events)
    : layout_(layout), slot_(settings.slot), create_(settings.create_slot), events_(&events), made_(layout) {}

bool SlotKeeper::is_ours(const Node& node) const {
  return made_.has(slot_, node.system.system);
}

SlotKeeper::Look SlotKeeper::look(Node& node, const std::stop_token& stop) const {
  const auto version = node.connection.major_version();
  Look seen;
  try {
    seen.slot = read_slot(node.connection, slot_, node.settings, stop);
    seen.known = true;
    // A slot that holds nothing back was never made to, or is lost; pgkeep's own always were.
    seen.lost = seen.slot && !seen.slot->restart_lsn && is_ours(node);
    const bool may_hide =
        version < postgres::since::kReadReplicationSlot ||
        (version >= postgres::since::kInvalidSlotMovesOn && version <= postgres::until::kInvalidSlotMovesOn);
    if (seen.slot && !seen.lost && may_hide) {
      seen.lost = ask_slot_status(slot_, node.settings, stop) == kLost;
    }
  } catch (const ServerError&) {
    // No SQL for this role: what the replication protocol tells has to do.
  } catch (const ConnectionLost&) {
    // The same, or the next command says that the server is gone.
  }
  return seen;
}

SlotPosition SlotKeeper::prepare(Node& node, postgres::WalSegmentSize size, const std::stop_token& stop) {
  auto seen = look(node, stop);
  const bool may_be_missing = !seen.slot;
  if (seen.lost) {
    if (!renew(node, size, fmt::format("{} has invalidated slot {}", node.connection.peer(), slot_)))
      return *seen.slot;
  } else if (may_be_missing && create_) {
    make(node, size);
  } else {
    return seen.slot.value_or(SlotPosition{});
  }
  return look(node, stop).slot.value_or(SlotPosition{});
}

bool SlotKeeper::renew_refused(Node& node, postgres::WalSegmentSize size, const ServerError& error) {
  return renew(node, size, error.what());
}

void SlotKeeper::require_room(postgres::WalSegmentSize size) const {
  if (io::free_space(layout_.root()) >= 2 * std::uint64_t{size.bytes()}) return;
  throw StorageError(ENOSPC, layout_.root(),
                     fmt::format("make room for two WAL segments, before slot {} has WAL held back", slot_));
}

/// The stream does not wait for whoever holds the lock of slot.json: without a note the slot counts as
/// somebody else's, and is never dropped by us.
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
