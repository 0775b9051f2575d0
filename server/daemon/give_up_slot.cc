#include "server/daemon/give_up_slot.h"

#include "catalog/event_journal.h"
#include "catalog/identity.h"
#include "catalog/made_slots.h"
#include "server/daemon/streamed_node.h"
#include "streaming/replication.h"

namespace pgkeep::server {

void give_up_slot(const ServerConfig& server, const std::string& peer, const store::ServerLayout& layout,
                  const std::string& cause, const std::stop_token& stop) {
  auto connection = open_streamed_node(server, peer, streaming::ConnectionKind::physical, stop);
  const auto system = streaming::identify_system(connection);
  catalog::confirm_identity(layout, streaming::ask_identity(connection, system));
  if (!streaming::drop_slot(connection, server.slot)) return;
  // After the drop: an event of what did not happen would be worse than one that is missing, and the gap, if
  // there is one, is noticed by the receiver.
  catalog::EventJournal(layout).append(
      {.at = io::now(), .kind = catalog::EventKind::slot_given_up, .cause = cause, .range = {}});
  catalog::MadeSlots(layout).remove(server.slot, system.system);
}

}  // namespace pgkeep::server
