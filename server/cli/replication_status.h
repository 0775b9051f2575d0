#pragma once

#include "server/cli/positionals.h"

namespace pgkeep::server {

Exit run_replication_status(const Invocation& invocation);

inline constexpr std::array kReplicationStatusPositionals{kAnyServers};
inline constexpr std::array kReplicationStatusOptions{
    Option{"--target", "KIND", "`all` (the default), `wal-streamer` (who stores WAL) or `hot-standby`"},
};
inline constexpr std::array kReplicationStatusExamples{
    Example{"replication-status main", "who receives the WAL of a server, and how far"},
    Example{"replication-status all --target wal-streamer --json", "the WAL receivers of the fleet"},
};
inline constexpr Command kReplicationStatus{
    .name = "replication-status",
    .summary = "Show who receives a server's WAL, as the server sees it",
    .details =
        "Asks each server for its replication clients: "
        "what they are, whether commits wait for them (sync), the slot they use, and what was sent to them, "
        "flushed and replayed by them, in bytes behind the server's own position. "
        "The server's side of what `status` shows of ours.",
    .positionals = kReplicationStatusPositionals,
    .options = kReplicationStatusOptions,
    .examples = kReplicationStatusExamples,
    .run = run_replication_status,
};

}  // namespace pgkeep::server
