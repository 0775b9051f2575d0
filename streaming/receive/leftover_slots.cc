#include "streaming/receive/leftover_slots.h"

#include <algorithm>

#include <fmt/format.h>

#include "catalog/io/error.h"
#include "catalog/io/pause.h"
#include "catalog/postgres/versions.h"

namespace pgkeep::streaming {

LeftoverSlots::LeftoverSlots(const store::ServerLayout& layout, const WalReceiverSettings& settings,
                             const Node& node, EventReporter& events)
    : made_(layout),
      settings_(settings),
      streamed_conninfo_(node.settings.conninfo),
      streamed_host_(node.connection.peer()),
      system_(node.system.system),
      events_(&events) {
  if (settings_of_nodes(settings_.connection).size() < 2 || hosts_with_slot().empty()) return;
  settings_.connection.application_name += "_slots";  // not the name that commits may wait for
  thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
}

std::vector<postgres::Endpoint> LeftoverSlots::hosts_with_slot() const {
  std::vector<postgres::Endpoint> hosts;
  for (const auto& slot : made_.read()) {
    if (slot.made && slot.name == settings_.slot && slot.system == system_ && slot.host.is_known() &&
        slot.host != streamed_host_)
      hosts.push_back(slot.host);
  }
  return hosts;
}

void LeftoverSlots::watch(const std::stop_token& stop) {
  do {
    try {
      if (hosts_with_slot().empty()) return;
      for (auto& host : settings_of_nodes(settings_.connection)) {
        if (host.conninfo != streamed_conninfo_) look_at(std::move(host), stop);
      }
    } catch (const std::exception&) {
      // slot.json cannot be read or written, or stop was asked: the stream says so of the disk. The slot
      // stays, and is looked at again.
    }
  } while (io::pause(settings_.longest_retry, stop));
}

void LeftoverSlots::look_at(ConnectionSettings host, const std::stop_token& stop) {
  try {
    auto node = open_node(std::move(host), stop);
    const auto& peer = node.connection.peer();
    // A primary may be the one that is streamed from next.
    if (!node.standby || node.system.system != system_) return;
    if (!made_.has(settings_.slot, system_, peer)) return;
    // Throws Refused when somebody has made a logical slot of that name meanwhile.
    if (node.connection.major_version() >= postgres::since::kSlotsOnStandbys)
      read_slot(node.connection, settings_.slot, node.settings, stop);
    // Refused with 55006 while somebody uses it: the server decides that, there is no moment in between.
    const bool dropped = drop_slot(node.connection, settings_.slot);
    if (dropped) {
      events_->note(catalog::EventKind::slot_dropped,
                    fmt::format("slot {} was left over on {}, which is a standby now, and was dropped",
                                settings_.slot, peer));
    }
    made_.remove(settings_.slot, system_, peer);
  } catch (const ServerError&) {
    // It is in use, or the server is about to go: it is looked at again.
  } catch (const ConnectionLost&) {
    // The host is not there.
  } catch (const Refused&) {
    // The slot is somebody else's.
  }
}

}  // namespace pgkeep::streaming
