#include "server/daemon/give_up_slot.h"

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/pause.h"
#include "catalog/records/event_journal.h"
#include "catalog/records/identity.h"
#include "catalog/records/made_slots.h"
#include "server/health/streamed_node.h"
#include "streaming/wire/conninfo.h"
#include "streaming/wire/replication.h"
#include "streaming/wire/slot_view.h"

namespace pgkeep::server {
namespace {

constexpr int kTries = 30;
constexpr std::chrono::milliseconds kBetweenTries{100};

/// The server may need a moment to notice that our stream has ended.
bool drop_unused_slot(streaming::Connection& connection, const std::string& slot,
                      const std::stop_token& stop) {
  for (int tries = 1;; ++tries) {
    try {
      return streaming::drop_slot(connection, slot);
    } catch (const ServerError& error) {
      if (error.sqlstate() != "55006" || tries == kTries) throw;  // object_in_use
    }
    if (!io::pause(kBetweenTries, stop))
      throw Interrupted("a slot is not given up because a stop was asked for");
  }
}

bool keeps_too_much(const ServerConfig& server, const postgres::Endpoint& peer, const std::stop_token& stop) {
  auto sql = open_streamed_node(server, peer, streaming::ConnectionKind::sql, stop);
  const auto slot = streaming::ask_slot(sql, server.slot);
  return slot && slot->physical && slot->retained_bytes.value_or(0) >= server.retain_at_most;
}

}  // namespace

bool made_here(const ServerConfig& server, const store::ServerLayout& layout,
               postgres::SystemIdentifier system, const postgres::Endpoint& peer) {
  const catalog::MadeSlots made(layout);
  if (made.has(server.slot, system, peer)) return true;
  return streaming::split_hosts(server.conninfo).size() == 1 && made.has(server.slot, system);
}

bool give_up_slot(const ServerConfig& server, const postgres::Endpoint& peer,
                  const store::ServerLayout& layout, const std::string& cause, const std::stop_token& stop) {
  if (!keeps_too_much(server, peer, stop)) return false;
  auto connection = open_streamed_node(server, peer, streaming::ConnectionKind::physical, stop);
  const auto system = streaming::identify_system(connection);
  catalog::confirm_identity(layout, streaming::ask_identity(connection, system));
  if (!made_here(server, layout, system.system, connection.peer())) {
    throw Refused(fmt::format("slot {} on {} was not made by pgkeep, so it is left alone", server.slot,
                              connection.peer()));
  }
  if (!drop_unused_slot(connection, server.slot, stop)) return false;
  // After the drop: an event of what did not happen would be worse than one that is missing, and the gap, if
  // there is one, is noticed by the receiver.
  catalog::EventJournal(layout).append(
      {.at = io::now(), .kind = catalog::EventKind::slot_given_up, .cause = cause, .range = {}});
  catalog::MadeSlots(layout).remove(server.slot, system.system, connection.peer());
  return true;
}

}  // namespace pgkeep::server
