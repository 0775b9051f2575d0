#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_drop_slot(const Invocation& invocation);

inline constexpr std::array kDropSlotPositionals{kOneServer};
inline constexpr std::array kDropSlotExamples{
    Example{"drop-slot main", "the server keeps no WAL for pgkeep any more"},
};
inline constexpr Command kDropSlot{
    .name = "drop-slot",
    .summary = "Drop a server's replication slot",
    .details =
        "For a server that is taken out of service for good, or a slot that was lost: without a receiver the "
        "slot makes "
        "the server keep WAL for ever. A slot in use is not dropped. WAL that has not been received when the "
        "slot "
        "goes may be lost, and no recovery can cross the hole.",
    .positionals = kDropSlotPositionals,
    .examples = kDropSlotExamples,
    .run = run_drop_slot,
};

}  // namespace pgkeep::server
