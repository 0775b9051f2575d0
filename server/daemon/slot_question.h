#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "server/config/config.h"
#include "server/health/control.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {

/// What a server says of our slot, and of what may become of it.
struct SlotAnswer {
  SlotReport report;
  postgres::Endpoint peer;  // who was asked
  bool there = false;       // a physical slot of that name; a logical one is an application's
  bool made_here = true;    // by pgkeep, for this repository: see SlotWatch
  bool from_standby = false;
  std::string invalidation;                          // why it is lost, as far as the server says: 17 and up
  std::optional<std::chrono::seconds> idle_timeout;  // 18 and up, when it is set
};

/// One question over an SQL session. Throws ConnectionLost, ServerError, ProtocolError.
SlotAnswer ask_slot(streaming::Connection& sql, const ServerConfig& server);

}  // namespace pgkeep::server
