#pragma once

#include "server/cli/arguments.h"
#include "server/health/replication_facts.h"

namespace pgkeep::server {

struct ReplicationStatusArguments : AnyServers {
  std::optional<ReplicationClient::Kind> kind;  // nothing: all

  void declare(Syntax& syntax) {
    AnyServers::declare(syntax);
    syntax.choice("--target", "all|wal-streamer|hot-standby",
                  "whose connections: of all (the default), of those who store WAL, or of standbys", kind,
                  {{"all", std::nullopt},
                   {"wal-streamer", ReplicationClient::Kind::wal_receiver},
                   {"hot-standby", ReplicationClient::Kind::standby}});
  }
};

Exit run_replication_status(const ReplicationStatusArguments& arguments, const Invocation& invocation);

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
    .examples = kReplicationStatusExamples,
    .call = call_of<run_replication_status>,
};

}  // namespace pgkeep::server
