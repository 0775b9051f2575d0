#pragma once

#include <string>
#include <thread>
#include <vector>

#include "catalog/records/made_slots.h"
#include "streaming/receive/event_reporter.h"
#include "streaming/wire/nodes.h"

namespace pgkeep::streaming {

/// Drops the slots that pgkeep made on hosts of the conninfo before it went over to another one. When such a
/// host comes back as a standby, nobody streams with its slot any more, and the WAL that it holds back would
/// fill its disk.
///
/// A thread of its own looks at those hosts, at once and then again after every longest_retry, for as long as
/// this object lives and slots are left; without any there is no thread. A slot is dropped only on a standby
/// of the same cluster, where MadeSlots knows that pgkeep made it; the server itself refuses when it is in
/// use. Borrows the reporter.
class LeftoverSlots {
 public:
  /// `node` is the one that is streamed from.
  LeftoverSlots(const store::ServerLayout& layout, const WalReceiverSettings& settings, const Node& node,
                EventReporter& events);

 private:
  std::vector<postgres::Endpoint> hosts_with_slot() const;
  void watch(const std::stop_token& stop);
  void look_at(ConnectionSettings host, const std::stop_token& stop);

  catalog::MadeSlots made_;
  WalReceiverSettings settings_;
  std::string streamed_conninfo_;
  postgres::Endpoint streamed_host_;
  postgres::SystemIdentifier system_;
  EventReporter* events_;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace pgkeep::streaming
