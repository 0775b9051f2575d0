#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "catalog/store/repository.h"
#include "server/config/config.h"
#include "server/notify/notification.h"

namespace pgkeep::server {

/// A receiver that the configuration names: "mail" or "webhook".
std::vector<std::string> receivers_of(const NotifyConfig& notify);

/// What a look came to, for a log.
struct NotificationTurn {
  std::vector<std::string> sent;    // "webhook: 2 new problems (main)"
  std::vector<std::string> failed;  // the first failure of a receiver, and every other one after
};

/// Tells each receiver what is other than it was told last, in one message, and notes that it was. One that
/// does not take it is told later, after growing pauses, all that is other by then, and has missed nothing
/// when nothing is; nobody is told twice what did not change, but for a kill between its taking and the note.
/// Throws Interrupted, and StorageError or Corruption for the record.
NotificationTurn send_notifications(const Config& config, const store::Repository& repository,
                                    const FleetFindings& now, io::TimePoint time,
                                    const std::stop_token& stop);

/// Sends a message that says it is a test. Throws Error with what the receiver said.
void send_test_notification(const Config& config, const std::string& receiver, const std::stop_token& stop);

}  // namespace pgkeep::server
