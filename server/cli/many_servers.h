#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/cli/command.h"
#include "server/config/config.h"
#include "server/fleet/at_once.h"

namespace pgkeep::server {

/// What came of the work on one server.
struct ServerOutcome {
  Exit exit = Exit::ok;
  std::string what;  // in a few words
  Json data;         // for the document; null: nothing
};

/// How many servers an operator may have worked on at a time.
inline constexpr unsigned kMostParallel = 256;

/// The work of a command on each server, several at a time. With one server it is done as if there were no
/// others, and what it throws is the command's failure. With several, each call has an output of its own,
/// which `work` must use in place of the command's: a live line a server on a terminal, what it printed when
/// it is done, and a table of all in the end. The document has what was made for each, in the order of the
/// servers. Exit::partly when some failed, Exit::failed when all did; throws Interrupted when the command was
/// stopped.
Exit for_each_server_at_once(
    const std::vector<const ServerConfig*>& servers, const AtOnce& limits, const Invocation& invocation,
    const std::function<ServerOutcome(const ServerConfig&, const Invocation&)>& work);

}  // namespace pgkeep::server
