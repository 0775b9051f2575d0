#pragma once

#include "server/cli/arguments.h"
#include "server/config/config.h"
#include "streaming/wire/connection.h"

namespace pgkeep::server {

/// A physical connection to the cluster that the repository holds for this server, or to any when it holds
/// none yet. Throws Refused for another cluster, and what Connection::open() does.
streaming::Connection open_known_server(const Config& config, const ServerConfig& server,
                                        const std::stop_token& stop);
/// Makes the slot of a server there, says so, and remembers that pgkeep made it. False: it was there already.
bool make_slot(const Config& config, const ServerConfig& server, streaming::Connection& connection,
               Output& out);

Exit run_create_slot(const OneServer& arguments, const Invocation& invocation);

inline constexpr std::array kCreateSlotExamples{
    Example{"create-slot main", "make the slot that the configuration names"},
};
inline constexpr Command kCreateSlot{
    .name = "create-slot",
    .summary = "Create a server's replication slot",
    .details =
        "Makes the physical slot that the configuration names; "
        "from then on the server keeps WAL until it is received. "
        "receive-wal does the same unless `create_slot: false`. "
        "A slot that is there already is left as it is.",
    .examples = kCreateSlotExamples,
    .call = call_of<run_create_slot>,
};

}  // namespace pgkeep::server
