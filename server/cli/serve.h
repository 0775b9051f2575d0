#pragma once

#include "server/cli/command.h"

namespace pgkeep::server {

Exit run_serve(const Invocation& invocation);

inline constexpr std::array kServeExamples{
    Example{"serve", "in the foreground, as systemd wants it, until SIGTERM or Ctrl-C"},
};
inline constexpr Command kServe{
    .name = "serve",
    .summary = "Receive the WAL of all servers",
    .details =
        "The daemon: keeps a stream to every active server of the configuration, for ever. "
        "What goes wrong with one server is a state of that server, tried again, shown by `status`, "
        "and disturbs no other. SIGHUP or `pgkeep reload` makes it read the configuration again; "
        "streams that do not change go on. SIGTERM ends it in order. One at a time serves a repository.\n\n"
        "It logs to standard error. `etc/pgkeep.service` runs it under systemd.",
    .examples = kServeExamples,
    .call = call_of<run_serve>,
};

}  // namespace pgkeep::server
