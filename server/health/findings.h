#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/health/finding.h"
#include "server/health/server_facts.h"

namespace pgkeep::server {

/// What is wrong with a server, and what is well, in the order in which it is shown: the only place that
/// judges. Pure: all it knows is in `facts`. What was not looked at gives no finding, but for what could not
/// be looked at, which is one itself. The rest of the room, and the daemon, use parts of it.
std::vector<Finding> examine(const ServerFacts& facts, io::TimePoint now);

/// The same of a server that is to be added: without what only a receiver and its slot can be asked for, as
/// there are none yet.
std::vector<Finding> examine_new(const ServerFacts& facts, io::TimePoint now);

/// The part about our slot: itself, protect_primary's limit, the server's own time limit.
std::vector<Finding> examine_slot(const ServerConfig& server, const SlotFacts& facts);
/// It keeps more than protect_primary allows, and pgkeep made it.
bool is_to_be_dropped(const SlotFacts& facts);
std::string why_to_be_dropped(const ServerConfig& server, const SlotFacts& facts);

/// Why the server has to have a new base backup: lost WAL has cut its newest one off from the end of what is
/// held, or all were set aside. Nothing when it has none to begin with, or the newest reaches the end.
std::optional<std::string> why_backup_is_needed(const StoredFacts& stored);

}  // namespace pgkeep::server
