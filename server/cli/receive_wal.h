#pragma once

#include "server/cli/arguments.h"

namespace pgkeep::server {

Exit run_receive_wal(const OneServer& arguments, const Invocation& invocation);

inline constexpr std::array kReceiveWalExamples{
    Example{"receive-wal main", "in the foreground, until it is told to stop by SIGTERM or Ctrl-C"},
};
inline constexpr Command kReceiveWal{
    .name = "receive-wal",
    .summary = "Receive the WAL of a server",
    .details =
        "Streams WAL as the server writes it, and reports as flushed only what is on stable storage here: "
        "pgkeep may stand in synchronous_standby_names. A lost connection is tried again, for ever. "
        "Ends with exit code 0 when it is told to stop, and with an error for what no retry can mend. "
        "What happens is logged to standard error; with --quiet only what is wrong.",
    .examples = kReceiveWalExamples,
    .call = call_of<run_receive_wal>,
};

}  // namespace pgkeep::server
