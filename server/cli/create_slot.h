#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

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
