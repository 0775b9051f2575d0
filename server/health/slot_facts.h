#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "server/config/config.h"
#include "streaming/wire/slot_view.h"

namespace pgkeep::server {

/// What is known of our slot on a server, and of what may become of it.
struct SlotFacts {
  std::optional<streaming::SlotView> slot;           // nothing: there is none
  bool is_standby = false;                           // the server that was asked
  bool commits_wait = false;                         // our name is in synchronous_standby_names of a primary
  std::optional<std::chrono::seconds> idle_timeout;  // 18 and up, when it is set
  // What only the daemon knows, which has looked before and has the records at hand:
  bool grows = false;       // it keeps more than max_wal_size, and has grown since it was well
  bool made_here = true;    // by pgkeep, for this repository, so that it may be dropped
  std::uint64_t limit = 0;  // bytes at which it is dropped (protect_primary); 0: none

  /// The server's side of our stream; null when there is none. It is ours as long as nobody else uses the
  /// slot.
  const streaming::SlotUser* user() const {
    return slot && slot->physical && slot->user ? &*slot->user : nullptr;
  }
};

/// Two questions over an SQL session. Throws ConnectionLost, ServerError, ProtocolError.
SlotFacts ask_slot_facts(streaming::Connection& sql, const ServerConfig& server);

}  // namespace pgkeep::server
