#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_status(const AnyServers& arguments, const Invocation& invocation);

inline constexpr std::array kStatusExamples{
    Example{"status", "the fleet at a glance"},
    Example{"status main", "the live server, its WAL stream and what is stored"},
    Example{"status all --json", "of the whole fleet, for a program"},
};
inline constexpr Command kStatus{
    .name = "status",
    .summary = "Show the state of servers",
    .details =
        "For the fleet, a line a server: how its stream stands, how far behind it is, "
        "what its slot keeps on it, the latest backup, the last commit that is held, and the worst problem. "
        "It comes from the daemon and the files, without asking any server, "
        "so it is quick however many are down. For servers that are named, all there is to know, "
        "the server's own view (version, position, slot, synchronous commits) included. "
        "A server that cannot be reached is shown as such and does not make the command fail; "
        "`check` does that.",
    .examples = kStatusExamples,
    .call = call_of<run_status>,
};

}  // namespace pgkeep::server
