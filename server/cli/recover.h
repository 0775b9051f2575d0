#pragma once

#include "server/cli/recovery_request.h"

namespace pgkeep::server {

Exit run_recover(const RecoverArguments& arguments, const Invocation& invocation);

inline constexpr std::array<std::string_view, 1> kRecoverAliases{"restore"};
inline constexpr std::array kRecoverExamples{
    Example{"recover main latest /var/lib/postgresql/18/main", "up to the last byte that was received"},
    Example{"recover main auto /srv/pg --target-time '2026-11-20 02:00:00+01'", "to a point in time"},
    Example{"recover main latest /srv/pg --remote-ssh-command 'ssh postgres@pg2'", "on another host"},
    Example{"recover main latest /srv/pg --dry-run", "what would be done"},
};
inline constexpr Command kRecover{
    .name = "recover",
    .aliases = kRecoverAliases,
    .summary = "Recover a server into a new data directory",
    .details =
        "The plan is made and checked before anything is written: "
        "that the WAL reaches the target without a gap, that DEST is empty, "
        "holds no running server and has the room. "
        "Settings that would harm (archive_command, synchronous_standby_names, old recovery settings …) "
        "are neutralised and listed, with what must be looked at and the commands that start the server.\n\n"
        "pg_control is written last: a recovery that was cut off leaves a directory that cannot start. "
        "DEST passes pg_verifybackup.\n\nWith --get-wal on another host the command has to come back here, "
        "for example: --get-wal-command 'ssh pgkeep@backuphost pgkeep -q get-wal main %f > %p'.",
    .examples = kRecoverExamples,
    .call = call_of<run_recover>,
};

}  // namespace pgkeep::server
